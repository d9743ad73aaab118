//! `mozci demo serve`: a simulated CI for other programs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use mozci_engine::Error;
use mozci_sim::server::SimCredentials;
use mozci_sim::{Fault, Faults, HuntConfig, PulseConfig, Sim, SimConfig, Tree, WorldConfig};
use serde_json::json;
use tempfile::TempDir;

use crate::app::Done;
use crate::failure::say;

/// Arguments of `mozci demo serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The first of four ports on loopback; 0 takes free ones
    #[arg(long, default_value_t = 0, value_name = "P")]
    port: u16,
    /// The seed: the same one gives the same history
    #[arg(long, default_value_t = 7, value_name = "S")]
    seed: u64,
    /// Pushes of the history
    #[arg(long, default_value_t = 60, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pushes: u32,
    /// Milliseconds that every answer waits
    #[arg(long, default_value_t = 0, value_name = "L")]
    latency_ms: u64,
    /// About how many jobs there are
    #[arg(long, default_value_t = 57, value_name = "J", value_parser = clap::value_parser!(u32).range(32..=8000))]
    jobs: u32,
    /// Everything is scheduled on every K-th push, about a quarter of the tests on the others
    #[arg(long, default_value_t = 20, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    full_every: u32,
    /// How much faster than real what is requested goes
    #[arg(long, default_value_t = 600.0, value_name = "X")]
    speed: f64,
    /// How long ago the newest push landed, in minutes
    #[arg(long, default_value_t = 180, value_name = "M")]
    newest_minutes_ago: u32,
    /// How far Treeherder is behind, as a factor on its usual half minute to three minutes
    #[arg(long, default_value_t = 1.0, value_name = "X")]
    treeherder_lag: f64,
    /// How far the servers' clocks are ahead of this machine's, in seconds
    #[arg(long, default_value_t = 0, value_name = "S", allow_hyphen_values = true)]
    skew_seconds: i64,
    /// The share of requests that go wrong, from 0 to 1
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    faults: f64,
    /// What goes wrong; may be given several times [default: whatever passes when asked again]
    #[arg(long, value_name = "KIND")]
    fault: Vec<Fault>,
    /// How many seconds a server that is asked too much names in `Retry-After`
    #[arg(long, default_value_t = 1, value_name = "S")]
    retry_after: u64,
    /// The seed of what goes wrong
    #[arg(long, default_value_t = 1, value_name = "S")]
    fault_seed: u64,
    /// Plant a culprit to be searched among so many of the newest pushes, instead of the story
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=2000))]
    hunt: Option<u32>,
    /// Which of them did it, from 1; none unless given
    #[arg(long, value_name = "I", requires = "hunt")]
    hunt_culprit: Option<u32>,
    /// How often what it broke fails
    #[arg(long, value_name = "P", default_value_t = 1.0)]
    hunt_rate: f64,
    /// How often the same test fails for other reasons
    #[arg(long, value_name = "Q", default_value_t = 0.0)]
    hunt_background: f64,
    /// The share of pushes among them whose build fails
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    hunt_broken: f64,
    /// Which of them backs the culprit out again
    #[arg(long, value_name = "I", requires = "hunt_culprit")]
    hunt_backed_out: Option<u32>,
    /// Which of them lands it once more
    #[arg(long, value_name = "I", requires = "hunt_backed_out")]
    hunt_relanded: Option<u32>,
    /// Which of them breaks the same test as well, half as often
    #[arg(long, value_name = "I", requires = "hunt")]
    hunt_second: Option<u32>,
    /// Deal the manifests to the chunks anew every so many pushes: what fails moves between chunks
    #[arg(long, value_name = "N", requires = "hunt", value_parser = clap::value_parser!(u32).range(1..))]
    hunt_deals_every: Option<u32>,
    /// Have actions write all tasks that they make into one record, in which tasks of a job are one
    #[arg(long)]
    merged_records: bool,
    /// Give mozilla-central, into which autoland is merged, a CI of its own
    #[arg(long)]
    central: bool,
    /// A broker that the queue publishes to, with the publisher's user and password
    #[arg(long, env = "MOZCI_DEMO_PULSE_URL", hide_env_values = true, value_name = "AMQP URL")]
    pulse_url: Option<String>,
    /// A gzipped full-task-graph.json that every push has, instead of what can really run there
    #[arg(long, value_name = "FILE")]
    task_graph: Option<PathBuf>,
    /// Where the config and truth files go [default: a temporary folder, removed at the end]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Leave the credentials out of the config file
    #[arg(long)]
    without_credentials: bool,
}

/// Serves until it is interrupted or terminated. The first line on stdout says where.
pub(crate) async fn run(args: Args) -> Done {
    if !(args.speed.is_finite() && args.speed >= 1.0) {
        return Err(Error::Usage("--speed is at least 1".into()));
    }
    if !(args.treeherder_lag.is_finite() && args.treeherder_lag >= 0.0) {
        return Err(Error::Usage("--treeherder-lag is at least 0".into()));
    }
    if !(0.0..=1.0).contains(&args.faults) {
        return Err(Error::Usage("--faults is a share from 0 to 1".into()));
    }
    let faults = (args.faults > 0.0).then(|| Faults {
        seed: args.fault_seed,
        rate: args.faults,
        kinds: if args.fault.is_empty() { Fault::PASSING.to_vec() } else { args.fault.clone() },
        stall: Duration::from_secs(120),
        retry_after: args.retry_after,
    });
    let failed =
        |what: &'static str| move |error: std::io::Error| Error::Odd(format!("{what}: {error}"));
    let sim = Sim::start(SimConfig {
        world: WorldConfig {
            seed: args.seed,
            pushes: args.pushes,
            jobs: args.jobs,
            full_every: args.full_every,
            speed: args.speed,
            newest_minutes_ago: args.newest_minutes_ago,
            treeherder_lag: args.treeherder_lag,
            skew_seconds: args.skew_seconds,
            hunt: args.hunt.map(|suspects| HuntConfig {
                suspects,
                culprit: args.hunt_culprit,
                rate: args.hunt_rate,
                background: args.hunt_background,
                broken: args.hunt_broken,
                backed_out: args.hunt_backed_out,
                relanded: args.hunt_relanded,
                second: args.hunt_second,
                deal_every: args.hunt_deals_every,
            }),
            tree: if args.merged_records { Tree::MergedRecords } else { Tree::Usual },
            task_graph: args.task_graph.clone(),
            ..WorldConfig::default()
        },
        central: args.central,
        port: args.port,
        latency: Duration::from_millis(args.latency_ms),
        faults,
        pulse: args.pulse_url.clone().map(|url| PulseConfig { url, faults: None }),
    })
    .await
    .map_err(failed("cannot take the ports"))?;
    let temporary = TempDir::new().map_err(failed("cannot make a temporary folder"))?;
    let folder: &Path = args.folder.as_deref().unwrap_or(temporary.path());
    std::fs::create_dir_all(folder).map_err(failed("cannot make the folder"))?;
    let credentials = SimCredentials::sheriff();
    let shown = (!args.without_credentials).then_some(&credentials);
    let config = mozci_sim::config(&sim.urls, shown, args.pulse_url.as_deref());
    let config_file = folder.join("config.toml");
    let truth_file = folder.join("truth.json");
    let write = |path: &Path, text: &str| {
        std::fs::write(path, text).map_err(failed("cannot write a file for other programs"))
    };
    write(&config_file, &config)?;
    write(&truth_file, &json!(sim.world.truth()).to_string())?;
    let first_line = json!({
        "config_file": config_file,
        "truth_file": truth_file,
        "urls": sim.urls,
        "credentials": credentials,
    });
    use std::io::Write;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{first_line}").and_then(|()| stdout.flush()).map_err(failed("stdout"))?;
    say("serving on loopback until Ctrl-C");
    until_ended().await;
    Ok(0)
}

/// Waits for Ctrl-C or a request to terminate.
async fn until_ended() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
