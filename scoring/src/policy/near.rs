//! Names near a misspelt one.

/// Most names proposed.
const PROPOSED: usize = 3;

/// Up to three of `names` that a slip of the fingers could have made `misspelt` of, nearest first.
pub(super) fn near<'a>(misspelt: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let allowed = (misspelt.chars().count() / 3).clamp(1, 4);
    let mut found: Vec<(usize, &str)> = names
        .map(|name| (distance(misspelt, name), name))
        .filter(|(distance, name)| *distance <= allowed || (misspelt.len() >= 4 && name.contains(misspelt)))
        .collect();
    found.sort_unstable();
    found.truncate(PROPOSED);
    found.into_iter().map(|(_, name)| name).collect()
}

/// Levenshtein's distance: insertions, deletions and replacements between two words.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        let names = ["amount", "amount_minor", "account", "device", "device_new"];
        assert_eq!(near("ammount", names.into_iter()), ["amount", "account"]);
        assert_eq!(near("devise", names.into_iter()), ["device"]);
        assert_eq!(near("shoe_size", names.into_iter()), Vec::<&str>::new());
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
