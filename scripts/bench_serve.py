"""`mozci serve`: how quick and large its pages are, and what many open pages cost."""

import http.cookiejar
import json
import statistics
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BINARY = ROOT / "target/release/mozci"


class Service:
    """The service on a simulated CI, with somebody who is signed in."""

    def __init__(self, world, *arguments):
        command = [BINARY, "--config", world.config, "--json", "serve", "--listen", "127.0.0.1:0", *map(str, arguments)]
        self.started = time.perf_counter()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=world.environment())
        text = ""
        while True:
            text += self.process.stdout.readline().decode()
            try:
                told = json.loads(text)
                break
            except json.JSONDecodeError:
                pass
        self.base = f"http://{told['address']}"
        jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
        try:
            self.opener.open(told["link"]).read()
        except urllib.error.HTTPError:
            # Signed in, and led to a page of which nothing was read yet.
            pass
        self.cookie = "; ".join(f"{one.name}={one.value}" for one in jar)

    def get(self, path):
        begun = time.perf_counter()
        body = self.opener.open(self.base + path).read()
        return (time.perf_counter() - begun) * 1000, body

    def wait(self, path, text):
        while True:
            try:
                body = self.get(path)[1]
                if text in body.decode():
                    return time.perf_counter() - self.started
            except urllib.error.HTTPError:
                pass
            time.sleep(0.01)

    def usage(self):
        """CPU seconds and resident memory in MiB of the service."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return (int(stat[11]) + int(stat[12])) / 100, pages * 4096 / (1 << 20)

    def requests(self):
        """Requests to the CI so far."""
        for line in self.get("/metrics")[1].decode().splitlines():
            if line.startswith("mozci_ci_requests_total"):
                return float(line.rsplit(" ", 1)[1])
        return 0.0

    def end(self):
        self.process.terminate()
        self.process.wait()


def serve(rows, World):
    with World() as world:
        service = Service(world)
        first = service.wait("/r/autoland", "Broken now")
        rows.append(("`serve`: start to the first page with failures on it", "≤ 1 s", f"{first:.2f} s"))
        service.end()
    with World("--pushes", 120, "--jobs", 207, "--full-every", 1) as world:
        service = Service(world, "--pushes", 100)
        path = "/r/autoland/grid?show=all&n=100"
        service.wait("/r/autoland", "Broken now")
        while "still to be read" in service.get("/r/autoland")[1].decode():
            time.sleep(0.2)
        times = sorted(service.get(path)[0] for _ in range(200))
        body = service.get(path)[1]
        found = f"{statistics.median(times):.1f} ms; {times[197]:.1f} ms; {len(body) / 1000:.0f} KB, not compressed"
        rows.append(("the grid of 100 pushes × 200 jobs, warm: median, p99; bytes", "≤ 15 ms, ≤ 60 ms; ≤ 150 KB", found))
        # Fifty people with the grid open, against nobody.
        def cost(people):
            stop = threading.Event()
            def look():
                while not stop.is_set():
                    service.get(path)
                    stop.wait(1)
            threads = [threading.Thread(target=look) for _ in range(people)]
            before, cpu = service.requests(), service.usage()[0]
            for one in threads:
                one.start()
            time.sleep(35)
            stop.set()
            for one in threads:
                one.join()
            return service.requests() - before, (service.usage()[0] - cpu) / 35
        alone, _ = cost(1)
        many, cpu = cost(50)
        found = f"{alone:.0f}; {many:.0f}, {cpu * 100:.0f} % of a core, {service.usage()[1]:.0f} MiB"
        rows.append(("requests to the CI in 35 s with 1 and 50 people looking every second; CPU, memory", "as many", found))
        service.end()
