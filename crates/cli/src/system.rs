//! What only some systems can do. Elsewhere each of these does nothing, or tells nothing.

/// The processor time of this process so far, in milliseconds, and the most memory that it ever held, in KiB; 0 where
/// that is not told.
pub(crate) fn costs() -> (u64, u64) {
    unix::costs()
}

/// Limits memory, processor time and what a crash leaves, for this process alone. Where nothing limits a process, the
/// patience of the one that started it does.
pub(crate) fn limit(memory: u64, seconds: u64) -> std::io::Result<()> {
    unix::limit(memory, seconds)
}

/// Discards what was typed on the terminal and not read yet. Where the system cannot, it stays.
pub(crate) fn discard_typed() {
    unix::discard_typed();
}

/// Waits until somebody asks the program to end: Ctrl-C, or what service managers send.
pub(crate) async fn asked_to_end() -> std::io::Result<()> {
    unix::asked_to_end().await
}

#[cfg(unix)]
mod unix {
    use std::io::IsTerminal;

    use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};
    use nix::sys::termios::{FlushArg, tcflush};

    pub(super) fn costs() -> (u64, u64) {
        let Ok(own) = getrusage(UsageWho::RUSAGE_SELF) else { return (0, 0) };
        let millis = |time: nix::sys::time::TimeVal| {
            u64::try_from(time.tv_sec() * 1000 + time.tv_usec() / 1000).unwrap_or(0)
        };
        let most = u64::try_from(own.max_rss()).unwrap_or(0);
        // Apple counts bytes, the others KiB.
        let most = if cfg!(target_vendor = "apple") { most / 1024 } else { most };
        (millis(own.user_time()) + millis(own.system_time()), peak_memory().unwrap_or(most))
    }

    pub(super) async fn asked_to_end() -> std::io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminate.recv() => Ok(()),
        }
    }

    pub(super) fn discard_typed() {
        let stdin = std::io::stdin();
        if stdin.is_terminal() {
            // A terminal that is gone gives no answer, which is noticed then.
            let _ = tcflush(&stdin, FlushArg::TCIFLUSH);
        }
    }

    /// Linux's resource usage also counts what the process held that started this one, before it became this one; the
    /// file does not.
    fn peak_memory() -> Option<u64> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.split_whitespace().next()?.parse().ok()
    }

    pub(super) fn limit(memory: u64, seconds: u64) -> std::io::Result<()> {
        let most = |resource, most: u64| {
            let (_, hard) = getrlimit(resource)?;
            let most = most.min(hard);
            setrlimit(resource, most, most)
        };
        // Only Linux holds a process to what it can write to. A limit of addresses would count what the allocator
        // reserves for each thread and never uses, and that differs from machine to machine.
        if cfg!(target_os = "linux") {
            most(Resource::RLIMIT_DATA, memory)?;
        }
        most(Resource::RLIMIT_CPU, seconds)?;
        most(Resource::RLIMIT_CORE, 0)?;
        Ok(())
    }
}

#[cfg(not(unix))]
mod unix {
    pub(super) fn costs() -> (u64, u64) {
        (0, 0)
    }

    pub(super) async fn asked_to_end() -> std::io::Result<()> {
        tokio::signal::ctrl_c().await
    }

    pub(super) fn discard_typed() {}

    pub(super) fn limit(_memory: u64, _seconds: u64) -> std::io::Result<()> {
        Ok(())
    }
}
