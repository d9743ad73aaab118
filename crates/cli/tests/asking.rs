//! What somebody at a terminal is asked, and what counts as an answer.

use std::time::Duration;

use mozci_sim::{HuntConfig, SimConfig, WorldConfig};

use crate::pty::Terminal;
use crate::world::{JOB, Served};

/// Slow servers, so that there is time to type before anything is asked.
fn slow() -> Served {
    let world = WorldConfig { newest_minutes_ago: 600, speed: 20_000.0, ..WorldConfig::default() };
    Served::start(SimConfig { world, latency: Duration::from_millis(150), ..SimConfig::default() })
}

#[test]
fn what_was_typed_before_the_question_is_no_answer() {
    let served = slow();
    let arguments = ["trigger", JOB, "--rev", "1036", "--times", "3"];
    let mut terminal = Terminal::start(served.command(&arguments), 100);
    // At once, before the program has said anything.
    terminal.types("y\n");
    let screen = terminal.until("Trigger these 3 runs? [y/N/details]");
    assert!(
        screen.trim_end().ends_with("[y/N/details]"),
        "the question is the last line: {screen}"
    );
    assert_eq!(served.actions(), 0);
    terminal.types("details\n");
    terminal.until("push 1036  3 × ");
    terminal.types("n\n");
    let (status, screen, _) = terminal.end();
    assert_eq!((status, served.actions()), (0, 0), "{screen}");
    assert!(screen.contains("[y/N/details] n") && screen.contains("nothing was sent"), "{screen}");
}

#[test]
fn a_question_can_be_declined_and_interrupted() {
    let served = Served::settled();
    let asked = || {
        let terminal = Terminal::start(served.command(&["trigger", JOB, "--rev", "1036"]), 100);
        terminal.until("Trigger this run? [y/N/details]");
        terminal
    };
    let mut terminal = asked();
    terminal.types("\u{3}");
    let (status, screen, _) = terminal.end();
    assert_eq!((status, served.actions()), (130, 0), "{screen}");
    let mut terminal = asked();
    terminal.types("perhaps\n");
    terminal.until("\"perhaps\" is not a choice: [y/N/details]");
    terminal.types("n\n");
    assert_eq!(terminal.end().0, 0);
    assert_eq!((served.askings("not-sent") + served.askings("recorded"), served.actions()), (0, 0));
    let mut terminal = asked();
    terminal.types("y\n");
    let (status, screen, _) = terminal.end();
    assert_eq!((status, served.actions()), (0, 1), "{screen}");
}

#[test]
fn what_is_waited_for_is_the_last_line_and_the_question_stays() {
    let served = slow();
    let arguments = ["backfill", JOB, "--rev", "tip", "--wait"];
    let mut terminal = Terminal::start(served.command(&arguments), 100);
    terminal.until("Trigger these 7 runs? [y/N/details]");
    terminal.types("y\n");
    let (status, screen, all) = terminal.end();
    assert_eq!((status, served.actions()), (0, 7), "{screen}");
    assert!(screen.contains("[y/N/details] y"), "{screen}");
    assert!(all.contains("7 runs: 7 pending · about 25 min left"), "{all}");
    assert!(all.contains(" done"), "{all}");
    assert!(!screen.contains("pending"), "what was waited for is taken away: {screen}");
}

#[test]
fn a_search_asks_before_it_waits() {
    let hunt = HuntConfig { suspects: 12, culprit: Some(5), rate: 1.0, ..HuntConfig::default() };
    // As slow as life: what was requested is under way for the whole test.
    let world = WorldConfig {
        pushes: 72,
        newest_minutes_ago: 600,
        speed: 1.0,
        hunt: Some(hunt),
        ..WorldConfig::default()
    };
    let served = Served::of(world);
    let truth = served.world().truth().hunt.unwrap();
    let begun =
        ["trigger", JOB, "--rev", truth.culprit.as_deref().unwrap(), "--times", "2", "--yes"];
    assert_eq!(served.run(&begun).status, 0);
    let before = served.actions();
    let arguments = ["bisect", JOB, "--bad", "tip", "--whole-job", "--anyway"];
    let mut terminal = Terminal::start(served.command(&arguments), 100);
    terminal.until("under way, then trigger what is needed until there is a verdict? [y/N]");
    terminal.types("n\n");
    let (status, screen, _) = terminal.end();
    assert_eq!((status, served.actions()), (0, before), "{screen}");
}
