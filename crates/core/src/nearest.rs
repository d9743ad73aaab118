//! Names that somebody may have meant.

/// The names most like `wanted`, best first, at most `most`.
///
/// Names which contain what was typed come first, then those that differ by few letters or by the
/// order of their parts; a name that is too far off is left out.
pub fn nearest<'a>(
    wanted: &str,
    names: impl IntoIterator<Item = &'a str>,
    most: usize,
) -> Vec<&'a str> {
    let mut scored: Vec<(f64, &str)> = names
        .into_iter()
        .map(|name| (score(wanted, name), name))
        .filter(|(score, _)| *score > 0.6)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    scored.dedup_by(|a, b| a.1 == b.1);
    scored.into_iter().take(most).map(|(_, name)| name).collect()
}

fn score(wanted: &str, name: &str) -> f64 {
    let (wanted, name) = (wanted.to_lowercase(), name.to_lowercase());
    let contained = if !wanted.is_empty() && name.contains(&wanted) { 1.0 } else { 0.0 };
    contained + strsim::normalized_damerau_levenshtein(&wanted, &name).max(parts(&wanted, &name))
}

/// The share of the wanted name's parts that the other has too, whatever their order.
fn parts(wanted: &str, name: &str) -> f64 {
    let split = |text: &str| -> Vec<String> {
        text.split(['-', '/', '_', ' ']).filter(|p| !p.is_empty()).map(String::from).collect()
    };
    let (wanted, name) = (split(wanted), split(name));
    if wanted.len() < 2 {
        return 0.0;
    }
    let shared = wanted.iter().filter(|part| name.contains(part)).count();
    shared as f64 / wanted.len().max(name.len()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_name() {
        let names =
            ["test-linux2404-64/opt-mochitest-plain-1", "test-linux2404-64/opt-xpcshell-1", "lint"];
        assert_eq!(
            nearest("tset-linux2404-64/opt-mochitest-plain-1", names, 1),
            ["test-linux2404-64/opt-mochitest-plain-1"]
        );
        assert_eq!(nearest("xpcshell", names, 3), ["test-linux2404-64/opt-xpcshell-1"]);
        assert!(nearest("zzz", names, 3).is_empty());
    }
}
