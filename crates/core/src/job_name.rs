//! Jobs as people type their names: whole, shortened, or as a glob.

use crate::filter::Pattern;

/// What somebody's text means among the names that there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meant<'a> {
    /// It is the name of a job.
    Exactly,
    /// It is a part of one name alone, or a glob that these fit.
    Names(Vec<&'a str>),
    /// It is a part of these, and of none more than of the others.
    Several(Vec<&'a str>),
    /// Nothing fits.
    Nothing,
}

/// Whether a text is a glob.
pub fn is_glob(text: &str) -> bool {
    matches!(text.parse(), Ok(Pattern::Glob(_)))
}

/// What a text means among names: the name itself; for a glob all that fit it as a whole; else the one name
/// that ends with it after a `-` or `/`, or the one that contains it.
pub fn meant<'a>(text: &str, names: &[&'a str]) -> Meant<'a> {
    if names.contains(&text) {
        return Meant::Exactly;
    }
    if let Ok(Pattern::Glob(glob)) = text.parse::<Pattern>() {
        let fitting: Vec<&str> = names.iter().copied().filter(|name| glob.matches(name)).collect();
        return if fitting.is_empty() { Meant::Nothing } else { Meant::Names(fitting) };
    }
    let ends = |name: &str| {
        name.strip_suffix(text).is_some_and(|before| before.ends_with(['-', '/', ' ', '_', '.']))
    };
    let ending: Vec<&str> = names.iter().copied().filter(|name| ends(name)).collect();
    let found = match ending.is_empty() || text.is_empty() {
        false => ending,
        true => {
            names.iter().copied().filter(|name| !text.is_empty() && name.contains(text)).collect()
        }
    };
    match found.len() {
        0 => Meant::Nothing,
        1 => Meant::Names(found),
        _ => Meant::Several(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 5] = [
        "test-linux/opt-plain-1",
        "test-linux/opt-plain-11",
        "test-win/opt-plain-1",
        "test-win/opt-xpcshell-1",
        "build-linux/opt",
    ];

    #[test]
    fn a_text_means_one_name_or_says_which_it_may_be() {
        assert_eq!(meant("build-linux/opt", &NAMES), Meant::Exactly);
        assert_eq!(meant("xpcshell-1", &NAMES), Meant::Names(vec!["test-win/opt-xpcshell-1"]));
        assert_eq!(meant("xpc", &NAMES), Meant::Names(vec!["test-win/opt-xpcshell-1"]));
        assert_eq!(meant("plain-1", &NAMES), Meant::Several(vec![NAMES[0], NAMES[2]]));
        assert_eq!(meant("test-*-plain-1", &NAMES), Meant::Names(vec![NAMES[0], NAMES[2]]));
        assert_eq!(meant("nosuch", &NAMES), Meant::Nothing);
        assert_eq!(meant("", &NAMES), Meant::Nothing);
        assert_eq!(meant("*nosuch*", &NAMES), Meant::Nothing);
    }
}
