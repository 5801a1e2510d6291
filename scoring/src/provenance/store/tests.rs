use super::super::testing::{Random, leaves, reference};
use super::super::tree::Frontier;
use super::*;
use crate::testing::Folder;
use std::fs;
use std::sync::atomic::AtomicBool;

/// Every file of a folder with its bytes.
fn files(folder: &Folder) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(&folder.0)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap())
        })
        // A level that has been emptied is as good as none.
        .filter(|(_, bytes)| !bytes.is_empty())
        .collect();
    files.sort();
    files
}

fn put(folder: &Folder, files: &[(String, Vec<u8>)]) {
    let _ = fs::remove_dir_all(&folder.0);
    fs::create_dir_all(&folder.0).unwrap();
    for (name, bytes) in files {
        fs::write(folder.0.join(name), bytes).unwrap();
    }
}

/// The files of a store that was given these leaves and nothing else, by the definition.
fn fresh(leaves: &[Hash]) -> Vec<(String, Vec<u8>)> {
    let level = |level: u32| {
        let nodes = leaves.chunks_exact(1 << level).map(reference::root);
        (format!("level-{level:02}"), nodes.flat_map(|node| *node.as_bytes()).collect())
    };
    (0..leaves.len().checked_ilog2().map_or(0, |top| top + 1)).map(level).collect()
}

/// Opens a folder and holds it against a store that was given its leaves and nothing else.
fn assert_fresh(folder: &Folder, all: &[Hash], what: &str) -> TreeStore {
    let store = TreeStore::open(&folder.0).unwrap();
    let size = store.size() as usize;
    assert_eq!(files(folder), fresh(&all[..size]), "{what}: {size} leaves");
    assert_eq!(store.reader().root_at(size as u64).unwrap(), reference::root(&all[..size]), "{what}");
    store
}

#[test]
fn roots_leaves_and_proofs_of_every_size_are_those_of_the_definition() {
    let folder = Folder::new("every");
    let mut random = Random(1);
    let all = leaves(70);
    let mut store = TreeStore::open(&folder.0).unwrap();
    while (store.size() as usize) < all.len() {
        let at = store.size() as usize;
        let batch = random.below(9).min(all.len() - at);
        store.append(&all[at..at + batch]).unwrap();
    }
    let reader = store.reader();
    assert_eq!((store.size(), reader.size()), (70, 70));
    for second in 0..=all.len() {
        let leaves = &all[..second];
        assert_eq!(reader.root_at(second as u64), Ok(reference::root(leaves)));
        for (at, leaf) in leaves.iter().enumerate() {
            assert_eq!(reader.leaf(at as u64), Ok(*leaf));
            assert_eq!(reader.inclusion(at as u64, second as u64).unwrap().path, reference::inclusion(at, leaves));
        }
        for first in 0..=second {
            let proof = reader.consistency(first as u64, second as u64).unwrap();
            assert_eq!(proof.path, reference::consistency(first, leaves));
            let (first, second) = (reader.tree_at(first as u64).unwrap(), reader.tree_at(second as u64).unwrap());
            assert_eq!(proof.verify(&first, &second), Ok(()));
        }
    }
}

#[test]
fn what_is_not_there_is_refused() {
    let folder = Folder::new("refused");
    let mut store = TreeStore::open(&folder.0).unwrap();
    assert_eq!(store.reader().root_at(0), Ok(reference::root(&[])));
    assert_eq!(store.reader().leaf(0), Err(StoreError::NoSuchLeaf { leaf_index: 0, tree_size: 0 }));
    store.append(&[]).unwrap();
    store.append(&leaves(5)).unwrap();
    let reader = store.reader();
    assert_eq!(reader.root_at(6), Err(StoreError::NotGrown { asked: 6, size: 5 }));
    assert_eq!(reader.leaf(u64::MAX), Err(StoreError::NoSuchLeaf { leaf_index: u64::MAX, tree_size: 5 }));
    assert_eq!(reader.inclusion(4, u64::MAX), Err(StoreError::NotGrown { asked: u64::MAX, size: 5 }));
    assert_eq!(reader.inclusion(3, 3), Err(StoreError::NoSuchLeaf { leaf_index: 3, tree_size: 3 }));
    assert_eq!(reader.inclusion(0, 0), Err(StoreError::NoSuchLeaf { leaf_index: 0, tree_size: 0 }));
    assert_eq!(reader.consistency(4, 3), Err(StoreError::Backwards { first: 4, second: 3 }));
    assert_eq!(reader.consistency(4, 6), Err(StoreError::NotGrown { asked: 6, size: 5 }));
    assert_eq!(store.rewind(6), Err(StoreError::NotGrown { asked: 6, size: 5 }));
    let nowhere = folder.0.join("level-00").join("under-a-file");
    assert!(matches!(TreeStore::open(&nowhere), Err(StoreError::Io { path, .. }) if path == nowhere));
}

#[test]
fn a_kill_at_any_byte_of_an_append_leaves_a_tree_of_the_whole_leaves() {
    let all = leaves(33);
    for (before, after) in [(0, 3), (6, 9), (15, 16), (31, 33)] {
        let (old, new) = (fresh(&all[..before]), fresh(&all[..after]));
        let bytes_of = |files: &[(String, Vec<u8>)], name: &str| {
            files.iter().find(|(known, _)| known == name).map_or(0, |(_, bytes)| bytes.len())
        };
        let total: usize = new.iter().map(|(name, bytes)| bytes.len() - bytes_of(&old, name)).sum();
        for written in 0..=total {
            // Levels are written in their order, so a kill leaves the first bytes of that.
            let mut left = written;
            let torn: Vec<_> = new
                .iter()
                .map(|(name, bytes)| {
                    let had = bytes_of(&old, name);
                    let got = left.min(bytes.len() - had);
                    left -= got;
                    (name.clone(), bytes[..had + got].to_vec())
                })
                .collect();
            let folder = Folder::new("kill");
            put(&folder, &torn);
            let mut store = assert_fresh(&folder, &all, &format!("{before} to {after}, {written} bytes"));
            let size = store.size() as usize;
            assert_eq!(size, after.min(before + written / Hash::BYTES));
            store.append(&all[size..after]).unwrap();
            assert_eq!(files(&folder), new);
        }
    }
}

#[test]
fn damaged_tails_are_cut_or_made_again() {
    let all = leaves(200);
    for seed in 0..400 {
        let mut random = Random(seed);
        let whole = fresh(&all[..1 + random.below(all.len())]);
        let mut files = whole.clone();
        for (name, bytes) in &mut files {
            let is_lowest = name == "level-00";
            match random.below(6) {
                0 => bytes.truncate(random.below(bytes.len() + 1)),
                // Of the leaves only what is no whole hash can be told from a leaf.
                1 if is_lowest => bytes.extend(vec![7; random.below(Hash::BYTES)]),
                1 => bytes.extend(vec![7; random.below(200)]),
                2 => bytes.extend(vec![0; random.below(200)]),
                3 if !is_lowest => {
                    let from = bytes.len().saturating_sub(1 + random.below(100));
                    bytes[from..].fill(0);
                }
                4 if !is_lowest => bytes.clear(),
                _ => {}
            }
        }
        if random.below(4) == 0 {
            let at = random.below(files.len());
            files.remove(at);
        }
        files.push(("level-40".to_owned(), vec![1; random.below(100)]));
        let folder = Folder::new("damaged");
        put(&folder, &files);
        let store = assert_fresh(&folder, &all, &format!("seed {seed}"));
        for size in 0..=store.size() {
            assert_eq!(store.reader().root_at(size), Ok(reference::root(&all[..size as usize])), "seed {seed}");
        }
        assert!(!folder.0.join("level-40").exists());
    }
}

#[test]
fn a_missing_level_is_made_again_in_parts() {
    let all = leaves(3 * NODES_AT_ONCE as usize + 5);
    let folder = Folder::new("parts");
    TreeStore::open(&folder.0).unwrap().append(&all).unwrap();
    let whole = files(&folder);
    put(&folder, &whole[..1]);
    let store = TreeStore::open(&folder.0).unwrap();
    assert_eq!(files(&folder), whole);
    assert_eq!(store.reader().root_at(all.len() as u64), Ok(reference::root(&all)));
}

#[test]
fn rewinding_is_never_having_had_the_rest() {
    let all = leaves(90);
    let other: Vec<Hash> = leaves(200).split_off(100);
    for seed in 0..60 {
        let mut random = Random(seed);
        let (folder, before) = (Folder::new("rewind"), random.below(90));
        let mut store = TreeStore::open(&folder.0).unwrap();
        store.append(&all[..before]).unwrap();
        let size = random.below(before + 1);
        store.rewind(size as u64).unwrap();
        assert_eq!((store.size(), files(&folder)), (size as u64, fresh(&all[..size])), "seed {seed}");
        let more = random.below(70);
        store.append(&other[..more]).unwrap();
        let now = [&all[..size], &other[..more]].concat();
        assert_eq!(files(&folder), fresh(&now), "seed {seed}");
        drop(store);
        assert_fresh(&folder, &now, &format!("seed {seed}"));
    }
}

#[test]
fn an_append_that_failed_leaves_nothing_behind() {
    let (all, folder) = (leaves(20), Folder::new("failed"));
    let mut store = TreeStore::open(&folder.0).unwrap();
    store.append(&all[..6]).unwrap();
    // Eight leaves need the third level, and a folder stands where its file belongs.
    let in_the_way = folder.0.join("level-03");
    fs::create_dir(&in_the_way).unwrap();
    assert!(matches!(store.append(&all[10..]), Err(StoreError::Io { path, .. }) if path == in_the_way));
    assert_eq!(store.size(), 6);
    assert_eq!(store.reader().root_at(6), Ok(reference::root(&all[..6])));
    assert_eq!(store.reader().leaf(6), Err(StoreError::NoSuchLeaf { leaf_index: 6, tree_size: 6 }));
    fs::remove_dir(&in_the_way).unwrap();
    store.append(&all[6..7]).unwrap();
    assert_eq!(files(&folder), fresh(&all[..7]));
}

#[test]
fn readers_see_whole_trees_while_it_grows() {
    let (all, folder) = (leaves(700), Folder::new("threads"));
    let roots: Vec<Hash> = {
        let mut frontier = Frontier::new();
        std::iter::once(frontier.root())
            .chain(all.iter().map(|leaf| {
                frontier.push(*leaf);
                frontier.root()
            }))
            .collect()
    };
    let mut store = TreeStore::open(&folder.0).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for seed in 0..2 {
            let reader = store.reader().clone();
            let (all, roots, done) = (&all, &roots, &done);
            scope.spawn(move || {
                let mut random = Random(seed);
                let mut last_look = false;
                while !last_look {
                    last_look = done.load(Ordering::Acquire);
                    let second = reader.size();
                    let later = reader.tree_at(second).unwrap();
                    assert_eq!(later.root, roots[second as usize]);
                    let first = random.below(second as usize + 1) as u64;
                    let earlier = reader.tree_at(first).unwrap();
                    assert_eq!(reader.consistency(first, second).unwrap().verify(&earlier, &later), Ok(()));
                    if first < second {
                        let proof = reader.inclusion(first, second).unwrap();
                        assert_eq!(proof.verify(&all[first as usize], &later), Ok(()));
                    }
                }
                assert_eq!(reader.size() as usize, all.len());
            });
        }
        let mut random = Random(9);
        while (store.size() as usize) < all.len() {
            let at = store.size() as usize;
            let batch = (1 + random.below(4)).min(all.len() - at);
            store.append(&all[at..at + batch]).unwrap();
        }
        done.store(true, Ordering::Release);
    });
}
