//! Who may what on a Buildbot master, what is said of it, and masters that are not there.

use crate::master::Master;
use crate::world::Said;

const PASSWORD: &str = "s3cret";

/// Runs the program as somebody.
fn run_as(master: &Master, user: Option<(&str, &str)>, arguments: &[&str]) -> Said {
    let mut command = master.command(arguments);
    if let Some((user, password)) = user {
        command.env("BUILDBOT_USER", user).env("BUILDBOT_PASSWORD", password);
    }
    let said = Said::new(&command.output().unwrap());
    assert!(!said.whole().contains(PASSWORD), "{}", said.whole());
    said
}

#[test]
fn roles_are_named_and_no_secret_is_told() {
    let Some(mut master) = Master::start("userpass") else { return };
    master.land_slowly([1]);
    // A config that `config init` writes is enough to look at it.
    let bare = |arguments: &[&str]| {
        let mut bare = std::process::Command::new(env!("CARGO_BIN_EXE_mozci"));
        bare.args(arguments).env_clear().env("HOME", master.home.path().join("own"));
        Said::new(&bare.stdin(std::process::Stdio::null()).output().unwrap())
    };
    let init =
        ["config", "init", "--kind", "buildbot", "--url", &master.url, "--repository", "main"];
    let written = bare(&init);
    assert!(written.stdout.contains("next: `mozci jobs`"), "{}", written.whole());
    let jobs = bare(&["jobs"]);
    assert!(jobs.status == 0 && jobs.stdout.contains("build"), "{}", jobs.whole());
    let trigger = ["trigger", "build", "--rev", "1", "--times", "2", "--yes"];
    let nobody = run_as(&master, None, &trigger);
    assert_eq!(nobody.status, 4, "{}", nobody.whole());
    assert!(nobody.stdout.contains("admins"), "{}", nobody.stdout);
    assert!(nobody.stdout.contains("BUILDBOT_USER"), "{}", nobody.stdout);
    let guest = run_as(&master, Some(("guest", "guest")), &trigger);
    assert_eq!(guest.status, 4, "{}", guest.whole());
    assert!(guest.stdout.contains("without the role"), "{}", guest.stdout);
    let wrong = run_as(&master, Some(("sheriff", "wrong")), &trigger);
    assert_eq!(wrong.status, 4, "{}", wrong.whole());
    assert!(wrong.stderr.contains("user and password are refused"), "{}", wrong.stderr);
    let sheriff = Some(("sheriff", PASSWORD));
    assert_eq!(master.requests(), 4, "build, smoke, test and docs of the change alone");
    let asked = run_as(&master, sheriff, &[&trigger[..], &["--wait"]].concat());
    assert_eq!(asked.status, 0, "{}", asked.whole());
    let told = run_as(&master, sheriff, &["doctor", "-v"]);
    assert!(told.stdout.contains("we are sheriff"), "{}", told.whole());
    assert!(run_as(&master, None, &["doctor"]).stdout.contains("we are nobody"));

    // A cookie that somebody pastes; one that is none.
    let mut pasted = master.command(&["doctor"]);
    let said = Said::new(&pasted.env("BUILDBOT_COOKIE", "no-session").output().unwrap());
    assert!(said.stdout.contains("the session is not accepted"), "{}", said.whole());
    assert!(!said.whole().contains("no-session"));

    master.kill();
    master.run_again("closed");
    let closed = run_as(&master, None, &["jobs"]);
    assert_eq!(closed.status, 4, "{}", closed.whole());
    let told = run_as(&master, None, &["doctor"]);
    assert_eq!(told.status, 3);
    assert!(told.stdout.contains("reading is closed to us"), "{}", told.stdout);
    assert_eq!(run_as(&master, sheriff, &["jobs"]).status, 0);

    master.kill();
    let down = run_as(&master, None, &["jobs"]);
    assert_eq!(down.status, 3);
    assert!(down.stderr.contains("no connection to the server"), "{}", down.stderr);
}

#[test]
fn what_waits_and_what_runs_is_taken_back() {
    let Some(mut master) = Master::start("") else { return };
    // The first build runs until it is stopped, the next ones wait behind it.
    master.kill();
    master.pause("300");
    master.run_again("");
    master.land([1]);
    let running = |master: &mut Master| {
        !master.get("builds?complete=false")["builds"].as_array().unwrap().is_empty()
    };
    assert!(master.within(running));
    master.land([2]);
    let waiting = |master: &mut Master| {
        master.get("buildrequests?complete=false")["buildrequests"].as_array().unwrap().len() >= 2
    };
    assert!(master.within(waiting));
    let cancel = ["cancel", "build", "--rev", "2", "--back-revisions", "1"];
    let dry = master.mozci(&[&cancel[..], &["--dry-run"]].concat());
    assert_eq!(dry.status, 0, "{}", dry.whole());
    assert!(dry.stdout.contains("2 requests of 2 pushes"), "{}", dry.stdout);
    let said = master.mozci(&[&cancel[..], &["--yes"]].concat());
    assert_eq!(said.status, 0, "{}", said.whole());
    let ended = |master: &mut Master| {
        let builder = &master.get("builders/build")["builders"][0]["builderid"];
        let open = master.get(&format!("buildrequests?complete=false&builderid={builder}"));
        open["buildrequests"].as_array().unwrap().is_empty()
    };
    assert!(master.within(ended));
    let jobs = master.mozci(&["jobs", "build", "--back-revisions", "1", "--json"]).json();
    for push in jobs["pushes"].as_array().unwrap() {
        assert_eq!(push["jobs"]["build"]["runs"][0]["state"], "cancelled", "{push}");
    }
}
