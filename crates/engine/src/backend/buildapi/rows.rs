//! What ran on pushes: BuildAPI's lists of them, held against the dumps.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use futures_util::TryStreamExt;
use mozci_clients::buildapi::{Day, DumpError};
use mozci_clients::side_by_side;
use mozci_core::era::{DumpRow, Listed, Outcome, standing, state_of};
use mozci_core::ids::{BuildRequestId, JobName};
use mozci_core::push::Push;
use mozci_core::run::{Run, RunKey, State};
use mozci_core::time::{At, Minutes};

use crate::backend::buildapi::api::BuildApi;
use crate::ci::Ci;
use crate::error::Error;

/// What ran, by the pushes' places.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) of_push: Vec<BTreeMap<JobName, Vec<Run>>>,
    /// The files that builds uploaded, by place and builder.
    pub(crate) files: HashMap<(usize, JobName), Vec<String>>,
    /// What could not be read, in words.
    pub(crate) incomplete: Option<String>,
}

/// Lists that are read at once.
const AT_ONCE: usize = 8;

/// Days after a push in whose dumps an archive may have builds of it.
const DAYS_AFTER: i64 = 2;

const DAY: i64 = 24 * 3600;
const FOUR_HOURS: i64 = 4 * 3600;

/// Digits by which dumps tell revisions apart.
const DIGITS: usize = 12;

/// Reads what ran on pushes: all of it, or of some builders.
pub(crate) async fn read_rows(
    ci: &Ci,
    api: &BuildApi,
    pushes: &[Push],
    of: Option<&[JobName]>,
) -> Result<Rows, Error> {
    let wanted: Option<HashSet<String>> =
        of.map(|jobs| jobs.iter().map(ToString::to_string).collect());
    match &api.self_serve {
        Some(_) => listed(ci, api, pushes, wanted).await,
        None => archived(ci, api, pushes, wanted).await,
    }
}

fn place_in(rows: &mut Rows, place: usize, builder: &str, run: Run) {
    rows.of_push[place].entry(JobName::new(builder)).or_default().push(run);
}

/// A run, with what a dump's row tells of it.
fn run(key: RunKey, state: State, started: Option<At>, ended: Option<At>) -> Run {
    let took = started.zip(ended).and_then(|(from, until)| u32::try_from(until.since(from)).ok());
    Run {
        duration: took.filter(|_| state.is_final()).map(|seconds| Minutes(seconds.div_ceil(60))),
        seen: ended.or(started),
        ..Run::new(key, state)
    }
}

async fn listed(
    ci: &Ci,
    api: &BuildApi,
    pushes: &[Push],
    wanted: Option<HashSet<String>>,
) -> Result<Rows, Error> {
    let Some(server) = &api.self_serve else { return Ok(Rows::default()) };
    let wanted = &wanted;
    let lists = pushes.iter().map(|push| async move {
        let what = format!("cannot read what was requested on push {}", push.id);
        let listed = server.requests_of(push.revision.hash()).await;
        let mut listed = listed.map_err(Error::service(what))?;
        api.note_listed(push.revision.hash(), &listed);
        listed.retain(|one| wanted.as_ref().is_none_or(|w| w.contains(&one.builder)));
        Ok::<_, Error>(listed)
    });
    let lists: Vec<Vec<Listed>> = side_by_side(lists, AT_ONCE).try_collect().await?;
    // The four hours' dump has what was done with since, the days' what was before.
    let now = ci.now();
    let dump_of = |one: &Listed| {
        let complete = one.complete.filter(|_| matches!(one.status, Some(Outcome::Ended(_))))?;
        Some(match now.since(complete) < FOUR_HOURS {
            true => Day::Newest,
            false => Day::of(complete),
        })
    };
    let mut of_day: BTreeMap<Day, HashSet<BuildRequestId>> = BTreeMap::new();
    for one in lists.iter().flatten() {
        if let Some(day) = dump_of(one) {
            of_day.entry(day).or_default().insert(one.request);
        }
    }
    let mut rows = Rows { of_push: vec![BTreeMap::new(); pushes.len()], ..Rows::default() };
    let mut found: HashMap<BuildRequestId, Vec<DumpRow>> = HashMap::new();
    let mut unread: BTreeSet<Day> = BTreeSet::new();
    for (day, ids) in of_day {
        // A day that is over does not change: what was looked for in its dump is known.
        let over = matches!(day, Day::Of(_)) && day < Day::of(now.plus(-FOUR_HOURS));
        let (known, unknown) = match over {
            true => api.known_rows(day, &ids),
            false => (HashMap::new(), ids.clone()),
        };
        for (request, rows) in known {
            found.entry(request).or_default().extend(rows);
        }
        if unknown.is_empty() {
            continue;
        }
        let requests = unknown.clone();
        let wanted =
            move |row: &DumpRow| row.requests.iter().any(|request| requests.contains(request));
        let mut read: HashMap<BuildRequestId, Vec<DumpRow>> =
            unknown.iter().map(|id| (*id, Vec::new())).collect();
        for row in dump(ci, api, day, Box::new(wanted), &mut unread, &mut rows).await? {
            for request in row.requests.iter().filter(|request| unknown.contains(request)) {
                read.entry(*request).or_default().push(row.clone());
            }
        }
        if over && !unread.contains(&day) {
            api.keep_rows(day, &read);
        }
        for (request, rows) in read {
            found.entry(request).or_default().extend(rows);
        }
    }
    for (place, mut list) in lists.into_iter().enumerate() {
        // The newest stand first there, and runs are counted from the first.
        list.sort_by_key(|one| (one.ended.is_none(), one.ended, one.request));
        let mut times: HashMap<BuildRequestId, u32> = HashMap::new();
        for one in list {
            let number = times.entry(one.request).or_default();
            let key = RunKey { request: one.request.into(), run: *number };
            *number += 1;
            let of_request = found.get(&one.request).map_or(&[][..], Vec::as_slice);
            let same_end = of_request.iter().find(|row| row.ended == one.ended);
            let row = same_end.or(of_request.last());
            let looked = dump_of(&one).is_some_and(|day| !unread.contains(&day)) && api.has_dumps;
            let state = standing(&one, row, looked);
            if let Some(row) = row.filter(|_| state != State::Coalesced) {
                api.note_left(key, row);
                if !row.files.is_empty() {
                    rows.files.insert((place, JobName::new(&one.builder)), row.files.clone());
                }
            }
            let started = row.and_then(|row| row.started);
            let mut run = run(key, state, started, one.ended);
            if let (State::Coalesced, Some(row)) = (&run.state, row) {
                // The build's own request stands first.
                let into = row.requests.first().filter(|first| **first != one.request);
                run.more.get_or_insert_default().coalesced_into = into.map(|id| (*id).into());
            }
            place_in(&mut rows, place, &one.builder, run);
        }
    }
    Ok(rows)
}

/// What archived files have of pushes: nobody lists what was requested, so that coalesced requests
/// cannot be told.
async fn archived(
    ci: &Ci,
    api: &BuildApi,
    pushes: &[Push],
    wanted: Option<HashSet<String>>,
) -> Result<Rows, Error> {
    let mut rows = Rows { of_push: vec![BTreeMap::new(); pushes.len()], ..Rows::default() };
    let place_of: HashMap<String, usize> = (pushes.iter().enumerate())
        .map(|(place, push)| (push.revision.hash()[..DIGITS].to_owned(), place))
        .collect();
    let dates = || pushes.iter().map(|push| push.date);
    let (Some(first), Some(last)) = (dates().min(), dates().max()) else { return Ok(rows) };
    let mut unread = BTreeSet::new();
    let mut at = first;
    let end = Day::of(last.plus(DAYS_AFTER * DAY));
    let archived = api.dumps.archived();
    let mut all: Vec<(usize, DumpRow)> = Vec::new();
    while Day::of(at) <= end {
        let day = Day::of(at);
        at = at.plus(DAY);
        // Days after the last that was archived are nobody's gap.
        if archived.first().is_some_and(|newest| day > Day::Of(*newest)) {
            break;
        }
        let (places, builders) = (place_of.clone(), wanted.clone());
        // A revision that was merged is built on several branches.
        let branch = format!(" {} ", api.branch);
        let ours = move |row: &DumpRow| {
            row.builder.contains(&branch)
                && builders.as_ref().is_none_or(|w| w.contains(&row.builder))
                && row.revision.get(..DIGITS).is_some_and(|start| places.contains_key(start))
        };
        for row in dump(ci, api, day, Box::new(ours), &mut unread, &mut rows).await? {
            if let Some(place) = row.revision.get(..DIGITS).and_then(|start| place_of.get(start)) {
                all.push((*place, row));
            }
        }
    }
    if archived.first().is_some_and(|newest| Day::Of(*newest) > end) {
        ci.note(format!(
            "builds that ended later than {end}, {DAYS_AFTER} days after the newest of these pushes, were not looked for"
        ));
    }
    all.sort_by_key(|(_, row)| (row.started, row.ended));
    let mut times: HashMap<BuildRequestId, u32> = HashMap::new();
    for (place, row) in all {
        let Some(request) = row.requests.first().copied() else { continue };
        let number = times.entry(request).or_default();
        let key = RunKey { request: request.into(), run: *number };
        *number += 1;
        let state = match row.result {
            Some(result) => state_of(result),
            None => State::Unknown("no result in the dump".into()),
        };
        api.note_left(key, &row);
        if !row.files.is_empty() {
            rows.files.insert((place, JobName::new(&row.builder)), row.files.clone());
        }
        place_in(&mut rows, place, &row.builder, run(key, state, row.started, row.ended));
    }
    Ok(rows)
}

/// The rows of a dump that are wanted. One that is not there, or is cut off, leaves unknown what it
/// would tell, and that is said.
async fn dump(
    ci: &Ci,
    api: &BuildApi,
    day: Day,
    wanted: Box<dyn Fn(&DumpRow) -> bool + Send>,
    unread: &mut BTreeSet<Day>,
    rows: &mut Rows,
) -> Result<Vec<DumpRow>, Error> {
    if !api.has_dumps {
        unread.insert(day);
        let why = "no dumps are configured (`buildjson_url`, `buildjson_dir`)".to_owned();
        ci.note(format!("{why}: of which revision a build was that ended is not known"));
        rows.incomplete.get_or_insert(why);
        return Ok(Vec::new());
    }
    let mut lacks = |why: String| {
        unread.insert(day);
        ci.note(format!(
            "{why}: what ended that day is not known to be of the push that it is listed under"
        ));
        rows.incomplete.get_or_insert(why);
    };
    match api.dumps.read(day, wanted).await {
        Ok(read) => {
            if let Some(broke) = read.broke {
                lacks(format!("the dump of {day} is cut off after {} builds ({broke})", read.seen));
            }
            Ok(read.rows)
        }
        Err(error @ DumpError::Missing { .. }) => {
            lacks(error.to_string());
            Ok(Vec::new())
        }
        Err(DumpError::Http(error)) => {
            Err(Error::service(format!("cannot read the dump of {day}"))(error))
        }
        Err(error) => {
            lacks(error.to_string());
            Ok(Vec::new())
        }
    }
}
