//! Circuit breakers: a job whose runs mostly end in infrastructure failures is left alone for a while,
//! then tried with one run.

use crate::run::{Run, State};
use crate::time::At;

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSettings {
    /// So many infrastructure failures open it.
    pub bad: u32,
    /// Of so many newest finished runs.
    pub of: u32,
    /// Minutes after the last of them until one run may be tried.
    pub rest_minutes: u32,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { bad: 6, of: 10, rest_minutes: 30 }
    }
}

/// How a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Circuit {
    /// Runs may be requested.
    Closed,
    /// None may.
    Open {
        /// Infrastructure failures.
        exceptions: u32,
        /// Of so many runs.
        of: u32,
        /// Minutes until it is half open.
        minutes: u32,
    },
    /// One may, to see.
    HalfOpen {
        /// Infrastructure failures.
        exceptions: u32,
        /// Of so many runs.
        of: u32,
    },
}

/// How the breaker of a job stands by its runs, newest first. It follows from them alone, so that
/// nobody has to remember it. With fewer runs than it goes by the same share opens it, and never less
/// than five runs.
pub fn circuit<'a>(
    newest: impl IntoIterator<Item = &'a Run>,
    settings: BreakerSettings,
    now: At,
) -> Circuit {
    let finished: Vec<&Run> = newest
        .into_iter()
        .filter(|run| run.state.is_good() || run.state.is_bad() || run.state == State::Exception)
        .take(settings.of.max(1) as usize)
        .collect();
    let is_bad = |run: &&&Run| run.state == State::Exception;
    let exceptions = finished.iter().filter(is_bad).count() as u32;
    let of = finished.len() as u32;
    let enough = of >= settings.of.min(5);
    if !enough || exceptions * settings.of < of * settings.bad {
        return Circuit::Closed;
    }
    // Of what nobody knows when it was nobody knows whether it is over.
    let last = finished.iter().filter(is_bad).filter_map(|run| run.seen).max();
    let rest = i64::from(settings.rest_minutes) * 60;
    let left = last.map_or(rest, |at| rest - now.since(at));
    match u32::try_from(left.max(0).unsigned_abs().div_ceil(60)) {
        Ok(0) => Circuit::HalfOpen { exceptions, of },
        Ok(minutes) => Circuit::Open { exceptions, of, minutes },
        Err(_) => Circuit::Open { exceptions, of, minutes: settings.rest_minutes },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::test_support::runs;
    use State::*;

    fn stands(states: &[State], seconds_ago: i64) -> Circuit {
        let mut all = runs(states);
        all.iter_mut().for_each(|run| run.seen = Some(At(10_000 - seconds_ago)));
        circuit(&all, BreakerSettings::default(), At(10_000))
    }

    #[test]
    fn six_of_ten_open_it_and_half_an_hour_halves_it() {
        let mut ten = vec![Exception; 6];
        ten.extend(vec![Passed; 4]);
        let open = Circuit::Open { exceptions: 6, of: 10, minutes: 30 };
        assert_eq!(stands(&ten, 0), open);
        assert_eq!(stands(&ten, 1790), Circuit::Open { exceptions: 6, of: 10, minutes: 1 });
        assert_eq!(stands(&ten, 1800), Circuit::HalfOpen { exceptions: 6, of: 10 });
        ten[5] = Failed;
        assert_eq!(stands(&ten, 0), Circuit::Closed);
        // Older ones don't count.
        let mut long = vec![Passed; 5];
        long.extend(vec![Exception; 20]);
        assert_eq!(stands(&long, 0), Circuit::Closed);
        assert_eq!(stands(&vec![Exception; 4], 0), Circuit::Closed);
        assert_eq!(
            stands(&vec![Exception; 5], 0),
            Circuit::Open { exceptions: 5, of: 5, minutes: 30 }
        );
        // What waits or was taken back says nothing.
        assert_eq!(stands(&vec![Pending; 10], 0), Circuit::Closed);
        let unknown = circuit(&runs(&vec![Exception; 6]), BreakerSettings::default(), At(10_000));
        assert_eq!(unknown, Circuit::Open { exceptions: 6, of: 6, minutes: 30 });
    }
}
