//! The service: who may look, what pages show, and what is sent once somebody confirmed it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use mozci_sim::{HuntConfig, WorldConfig};
use serde_json::Value;

use crate::world::{JOB, Served};

/// How long a test waits for what comes in its own time.
const PATIENCE: Duration = Duration::from_secs(90);

/// The service, as a program of its own.
struct Service {
    child: Child,
    address: String,
    link: String,
    cookie: String,
}

/// An answer.
struct Answer {
    status: u16,
    headers: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let of = |line: &&str| line.to_lowercase().starts_with(&format!("{name}:"));
        Some(self.headers.lines().find(of)?.split_once(':')?.1.trim())
    }
}

impl Service {
    fn start(served: &Served, arguments: &[&str]) -> Self {
        let all = [&["--json", "serve", "--listen", "127.0.0.1:0"], arguments].concat();
        let mut command = served.command(&all);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut text = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        while serde_json::from_str::<Value>(&text).is_err() {
            assert_ne!(lines.read_line(&mut text).unwrap(), 0, "it ended: {text}");
        }
        let said: Value = serde_json::from_str(&text).unwrap();
        let of = |key: &str| said[key].as_str().unwrap().to_owned();
        Self { child, address: of("address"), link: of("link"), cookie: String::new() }
    }

    /// One request as it stands, so that each header is the test's own.
    fn send(&self, method: &str, path: &str, more: &[(&str, &str)], body: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut text = format!(
            "{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n",
            body.len()
        );
        if !more.iter().any(|(name, _)| *name == "host") {
            text.push_str(&format!("host: {}\r\n", self.address));
        }
        if !self.cookie.is_empty() {
            text.push_str(&format!("cookie: {}\r\n", self.cookie));
        }
        for (name, value) in more {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        write!(stream, "{text}\r\n{body}").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (headers, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = headers.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, headers: headers.to_owned(), body: body.to_owned() }
    }

    fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "")
    }

    fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        let body = form.extend_pairs(fields).finish();
        // As a browser sends it from one of the service's own pages.
        let origin = format!("http://{}", self.address);
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("origin", &*origin)];
        self.send("POST", path, &headers, &body)
    }

    /// Signs in by the link.
    fn sign_in(mut self) -> Self {
        let path = self.link.split_once(&self.address).unwrap().1.to_owned();
        let answer = self.get(&path);
        assert_eq!(answer.status, 303, "{}", answer.body);
        let cookie = answer.header("set-cookie").unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
        self.cookie = cookie.split(';').next().unwrap().to_owned();
        self
    }

    /// Waits until the repository was read.
    fn ready(self) -> Self {
        let until = Instant::now() + PATIENCE;
        while self.get("/readyz").status != 200 {
            assert!(Instant::now() < until, "it is never ready");
            std::thread::sleep(Duration::from_millis(50));
        }
        self
    }

    /// The token of a page's forms.
    fn token(&self, page: &str) -> String {
        let (_, rest) = page.split_once("name=\"token\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    /// Fetches a page until it shows a text.
    fn until(&self, path: &str, text: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let page = self.get(path).body;
            if page.contains(text) {
                return page;
            }
            assert!(Instant::now() < until, "{path} never shows {text:?}:\n{page}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn only_who_is_signed_in_gets_in_and_no_other_site_s_page() {
    let served = Served::settled();
    let service = Service::start(&served, &[]);
    assert_eq!(service.get("/healthz").status, 200);
    for path in ["/", "/r/autoland", "/requests", "/api/v1/repos", "/plan/p1"] {
        let answer = service.get(path);
        assert_eq!(answer.status, 401, "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        // Else browsers send `Origin: null` with the service's own forms.
        assert_eq!(answer.header("referrer-policy"), Some("same-origin"));
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    }
    assert_eq!(service.get("/signin?token=wrong").status, 401);
    let service = service.sign_in().ready();
    assert_eq!(service.get("/r/autoland").status, 200);
    // The link works once.
    let path = service.link.split_once(&service.address).unwrap().1.to_owned();
    let again = service.send("GET", &path, &[("cookie", "none=1")], "");
    assert!(again.status == 401 || again.header("location") == Some("/"), "{}", again.body);
    // A name of somebody else's that leads here, and another site's form.
    assert_eq!(service.send("GET", "/", &[("host", "evil.example")], "").status, 421);
    let other =
        [("origin", "https://evil.example"), ("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(service.send("POST", "/r/autoland/plans", &other, "act=backfill").status, 403);
    // A form without the session's token.
    let form = [("act", "backfill"), ("job", JOB), ("rev", "tip")];
    assert_eq!(service.post("/r/autoland/plans", &form).status, 403);
    let token = service.token(&service.get("/r/autoland").body);
    assert_eq!(service.post("/signout", &[("token", &token)]).status, 200);
    assert_eq!(service.get("/r/autoland").status, 401);
}

#[test]
fn pages_show_what_is_broken_and_lead_on() {
    let served = Served::settled();
    let service = Service::start(&served, &[]).sign_in().ready();
    let page = service.until("/r/autoland", "test_0_0.html");
    assert!(page.contains("suspected range"), "{page}");
    let failures: Value =
        serde_json::from_str(&service.get("/api/v1/repos/autoland/failures").body).unwrap();
    let failures = failures["failures"].as_array().unwrap();
    let planted = failures
        .iter()
        .find(|one| one["test"].as_str().is_some_and(|test| test.contains("test_0_0")))
        .unwrap();
    assert_eq!(planted["state"]["standing"], "range", "{planted}");
    // The planted push is within the range that is suspected.
    let truth = served.world().truth();
    let culprit = truth.story.unwrap().culprit;
    let id = truth.pushes.iter().find(|push| push.revision == culprit).unwrap().id;
    let state = |key: &str| planted["state"][key].as_u64().unwrap();
    assert!(state("last_good") < id && id <= state("first_bad"), "{planted} {id}");
    let signature = planted["signature"].as_str().unwrap();
    let tip = served.run(&["pushes", "--json"]).json()["pushes"][0]["id"].clone();
    for (path, text) in [
        (format!("/r/autoland/failure/{signature}"), "To trust a fix"),
        ("/r/autoland/grid?show=all".into(), "mochitest-plain-1"),
        (format!("/r/autoland/push/{tip}"), "jobs ran"),
        (format!("/r/autoland/run/{tip}/{}/0", served.task(0)), signature),
        ("/r/autoland/choose?text=xpcshell".into(), "Plan "),
        ("/investigations".into(), "None was begun yet"),
        ("/requests".into(), "The newest 0"),
        ("/limits".into(), "0 of 400"),
        ("/health".into(), "Every source answers"),
        ("/metrics".into(), "mozci_failures{repo=\"autoland\"}"),
    ] {
        let answer = service.get(&path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        assert!(answer.body.contains(text), "{path} lacks {text}:\n{}", answer.body);
        for word in ["style=\"", "onclick", "<script>"] {
            assert!(!answer.body.contains(word), "{path} has {word}");
        }
    }
    // Whatever somebody has at hand leads to its page, and never elsewhere.
    let task = served.task(0);
    for (asked, leads) in [
        ("/q?q=tip".to_owned(), format!("/r/autoland/push/{tip}")),
        (format!("/q?q={signature}"), format!("/r/autoland/failure/{signature}")),
        (format!("/q?q={task}"), format!("/r/autoland/run/{tip}/{task}/0")),
        ("/q?q=test_0_0".into(), "/r/autoland?text=test_0_0".into()),
    ] {
        assert_eq!(service.get(&asked).header("location"), Some(&*leads), "{asked}");
    }
    let elsewhere = service.get("/from?url=https%3A%2F%2Fevil.example%2F");
    assert!(
        elsewhere.status >= 400 && elsewhere.header("location").is_none(),
        "{}",
        elsewhere.body
    );
    // What somebody types comes back harmless.
    let typed = service.get("/r/autoland?text=%3Cscript%3Ealert(1)%3C/script%3E");
    assert!(
        !typed.body.contains("<script>alert") && typed.body.contains("&lt;script&gt;"),
        "{}",
        typed.body
    );
    for path in [
        "/nosuch",
        "/r/nosuch",
        "/r/autoland/push/1",
        "/plan/p99",
        "/i/nosuch",
        "/r/autoland/failure/x",
    ] {
        assert_eq!(service.get(path).status, 404, "{path}");
    }
}

#[test]
fn a_plan_is_shown_confirmed_and_sent_once() {
    let served = Served::settled();
    let service = Service::start(&served, &[]).sign_in().ready();
    let token = service.token(&service.get("/r/autoland").body);
    let form = [
        ("token", &*token),
        ("act", "backfill"),
        ("job", JOB),
        ("rev", "tip"),
        ("test", "dom/group-0/test/test_0_0.html"),
    ];
    let made = service.post("/r/autoland/plans", &form);
    assert_eq!(made.status, 303, "{}", made.body);
    let path = made.header("location").unwrap().to_owned();
    let page = service.get(&path).body;
    assert!(page.contains("Trigger 7 runs") && page.contains("Nothing has been sent"), "{page}");
    assert_eq!(served.actions(), 0);
    let (_, rest) = page.split_once("name=\"digest\" value=\"").unwrap();
    let digest = rest.split('"').next().unwrap();
    let confirm = format!("{path}/confirm");
    assert_eq!(service.post(&confirm, &[("token", &token), ("digest", "another")]).status, 409);
    assert_eq!(service.post(&confirm, &[("digest", digest)]).status, 403);
    assert_eq!(served.actions(), 0);
    // Two people confirm it at once.
    let fields = [("token", &*token), ("digest", digest)];
    std::thread::scope(|scope| {
        let both = [
            scope.spawn(|| service.post(&confirm, &fields)),
            scope.spawn(|| service.post(&confirm, &fields)),
        ];
        for one in both {
            assert_eq!(one.join().unwrap().status, 303);
        }
    });
    let page = service.until(&path, "What came of it");
    assert_eq!(served.actions(), 7, "{page}");
    assert!(page.contains("requested 1 run:"), "{page}");
    assert!(service.get("/requests").body.contains(JOB));
    assert!(service.get("/limits").body.contains("7 of 400"));
    // The same again has nothing to send.
    let again = service.post("/r/autoland/plans", &form);
    let page = service.get(again.header("location").unwrap()).body;
    assert!(page.contains("There is nothing to request"), "{page}");
    // A plan whose ground has shifted is not sent.
    let other =
        [("token", &*token), ("act", "trigger"), ("job", JOB), ("rev", "1020"), ("times", "2")];
    let path = service.post("/r/autoland/plans", &other).header("location").unwrap().to_owned();
    let page = service.get(&path).body;
    let digest = page
        .split_once("name=\"digest\" value=\"")
        .unwrap()
        .1
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let by_hand = served.run(&["trigger", JOB, "--rev", "1020", "--times", "2", "--yes"]);
    assert_eq!(by_hand.status, 0, "{by_hand:?}");
    let before = served.actions();
    service.post(&format!("{path}/confirm"), &[("token", &token), ("digest", &digest)]);
    assert!(service.until(&path, "The plan changed").contains("See the plan as it is now"));
    assert_eq!(served.actions(), before);
}

/// A world with a culprit among eight suspects that always fails.
fn hunted() -> Served {
    let hunt = HuntConfig { suspects: 8, culprit: Some(3), rate: 1.0, ..HuntConfig::default() };
    Served::of(WorldConfig {
        pushes: 40,
        newest_minutes_ago: 600,
        speed: 20_000.0,
        hunt: Some(hunt),
        ..WorldConfig::default()
    })
}

/// The planted culprit's number.
fn planted(served: &Served) -> u64 {
    let truth = served.world().truth();
    let culprit = truth.hunt.unwrap().culprit.unwrap();
    truth.pushes.iter().find(|push| push.revision == culprit).unwrap().id
}

#[test]
fn a_search_that_nobody_drives_goes_on_from_its_page() {
    let served = hunted();
    let round = served.run(&["bisect", JOB, "--bad", "tip", "--yes", "--no-wait", "--json"]);
    let id = round.json()["investigation"].as_str().unwrap().to_owned();
    let service = Service::start(&served, &[]).sign_in().ready();
    let path = format!("/i/{id}");
    let page = service.get(&path).body;
    assert!(page.contains("Nobody drives it here"), "{page}");
    assert_eq!(service.post(&format!("{path}/resume"), &[]).status, 403);
    let token = service.token(&page);
    assert_eq!(service.post(&format!("{path}/resume"), &[("token", &token)]).status, 303);
    let page = service.until(&path, "See the report");
    assert!(page.contains(&format!("culprit {}", planted(&served))), "{page}");
}

#[test]
fn a_search_is_begun_followed_and_reported() {
    let served = hunted();
    let service = Service::start(&served, &[]).sign_in().ready();
    let offer = service.get(&format!("/r/autoland/searches?job={JOB}&bad=tip"));
    assert!(offer.body.contains("Begin the search"), "{}", offer.body);
    let token = service.token(&offer.body);
    let form = [("token", &*token), ("job", JOB), ("bad", "tip"), ("test", ""), ("budget", "200")];
    let begun = service.post("/r/autoland/searches", &form);
    assert_eq!(begun.status, 303, "{}", begun.body);
    let path = begun.header("location").unwrap().to_owned();
    let page = service.until(&path, "See the report");
    let id = planted(&served);
    assert!(page.contains(&format!("culprit {id}")), "{page}");
    let report = service.get(&format!("{path}/report"));
    assert!(report.body.contains(&format!("Push {id} by ")), "{}", report.body);
    assert!(service.get("/investigations").body.contains(path.trim_start_matches("/i/")));
}

#[test]
fn what_goes_wrong_is_said() {
    let served = Served::settled();
    let refused = served.run(&["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(refused.status, 2, "{refused:?}");
    assert!(refused.stderr.contains("can be reached from other machines"), "{refused:?}");
    let service = Service::start(&served, &[]);
    let taken = served.run(&["serve", "--listen", &service.address]);
    assert_eq!(taken.status, 2, "{taken:?}");
    assert!(taken.stderr.contains("cannot listen on"), "{taken:?}");
    let unknown = served.run(&["serve", "--listen", "127.0.0.1:0", "--watch", "nosuch"]);
    assert_eq!(unknown.status, 5, "{unknown:?}");
    drop(service);
    // A CI that is away: the service runs, and says so.
    let config = std::fs::read_to_string(served.config_path()).unwrap();
    let away = served.sim.urls.hg.replace("http://", "");
    let host = away.split('/').next().unwrap();
    std::fs::write(served.config_path(), config.replace(host, "127.0.0.1:9")).unwrap();
    let service = Service::start(&served, &[]).sign_in();
    assert_eq!(service.get("/healthz").status, 200);
    let until = Instant::now() + PATIENCE;
    loop {
        let page = service.get("/r/autoland");
        assert_eq!(page.status, 503);
        if page.body.contains("127.0.0.1:9") {
            break;
        }
        assert!(Instant::now() < until, "{}", page.body);
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(service.get("/readyz").status, 503);
}
