use super::super::testing::{PUBLISHED_ROOTS, leaves, published_leaves, reference};
use super::super::tree::leaf_hash;
use super::*;
use proptest::prelude::*;
use std::convert::Infallible;

/// Leaves of the largest tree of which everything is tried.
const LARGEST: usize = 70;

fn tree(leaves: &[Hash]) -> Tree {
    Tree { size: leaves.len() as u64, root: reference::root(leaves) }
}

fn inclusion(leaf: usize, leaves: &[Hash]) -> InclusionProof {
    InclusionProof { leaf_index: leaf as u64, tree_size: leaves.len() as u64, path: reference::inclusion(leaf, leaves) }
}

fn consistency(first: usize, leaves: &[Hash]) -> ConsistencyProof {
    ConsistencyProof { first: first as u64, second: leaves.len() as u64, path: reference::consistency(first, leaves) }
}

/// What `make` reads from.
fn subtrees(leaves: &[Hash]) -> impl FnMut(u32, u64) -> Result<Hash, Infallible> {
    |level, index| {
        let begin = (index << level) as usize;
        Ok(reference::root(&leaves[begin..begin + (1 << level)]))
    }
}

fn hashes(texts: &[&str]) -> Vec<Hash> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn published_tree(size: u64) -> Tree {
    Tree { size, root: PUBLISHED_ROOTS[size as usize - 1].parse().unwrap() }
}

#[test]
fn the_published_inclusion_proofs_are_made_and_hold() {
    let cases: [(u64, u64, &[&str]); 5] = [
        (0, 1, &[]),
        (
            0,
            8,
            &[
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            5,
            8,
            &[
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (2, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
        (
            1,
            5,
            &[
                "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ];
    let leaves = published_leaves();
    for (leaf_index, tree_size, path) in cases {
        let proof = InclusionProof { leaf_index, tree_size, path: hashes(path) };
        let Ok(made) = InclusionProof::make(leaf_index, tree_size, subtrees(&leaves));
        assert_eq!(made, proof);
        assert_eq!(proof.verify(&leaves[leaf_index as usize], &published_tree(tree_size)), Ok(()), "{proof:?}");
    }
}

#[test]
fn the_published_consistency_proofs_are_made_and_hold() {
    let cases: [(u64, u64, &[&str]); 4] = [
        (1, 1, &[]),
        (
            1,
            8,
            &[
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            6,
            8,
            &[
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (
            2,
            5,
            &[
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ];
    let leaves = published_leaves();
    for (first, second, path) in cases {
        let proof = ConsistencyProof { first, second, path: hashes(path) };
        let Ok(made) = ConsistencyProof::make(first, second, subtrees(&leaves));
        assert_eq!(made, proof);
        assert_eq!(proof.verify(&published_tree(first), &published_tree(second)), Ok(()), "{proof:?}");
    }
}

#[test]
fn proofs_of_every_leaf_and_size_are_those_of_the_definition_and_hold() {
    let all = leaves(LARGEST);
    for size in 1..=LARGEST {
        let leaves = &all[..size];
        let tree = tree(leaves);
        for leaf in 0..size {
            let proof = inclusion(leaf, leaves);
            assert_eq!(InclusionProof::make(leaf as u64, size as u64, subtrees(leaves)), Ok(proof.clone()));
            assert_eq!(proof.verify(&leaves[leaf], &tree), Ok(()), "leaf {leaf} of {size}");
        }
    }
}

#[test]
fn proofs_between_every_two_sizes_are_those_of_the_definition_and_hold() {
    let all = leaves(LARGEST);
    let trees: Vec<Tree> = (0..=LARGEST).map(|size| tree(&all[..size])).collect();
    for second in 0..=LARGEST {
        for first in 0..=second {
            let proof = consistency(first, &all[..second]);
            assert_eq!(ConsistencyProof::make(first as u64, second as u64, subtrees(&all)), Ok(proof.clone()));
            assert_eq!(proof.verify(&trees[first], &trees[second]), Ok(()), "{first} to {second}");
        }
    }
}

#[test]
fn a_proof_holds_for_no_other_leaf_and_no_other_tree() {
    let all = leaves(24);
    let trees: Vec<Tree> = (0..=all.len()).map(|size| tree(&all[..size])).collect();
    for size in 1..=all.len() {
        for leaf in 0..size {
            let proof = inclusion(leaf, &all[..size]);
            for (other, hash) in all.iter().enumerate().filter(|(other, _)| *other != leaf) {
                assert!(proof.verify(hash, &trees[size]).is_err(), "leaf {other} for {leaf} of {size}");
                let moved = InclusionProof { leaf_index: other as u64, ..proof.clone() };
                assert!(moved.verify(&all[leaf], &trees[size]).is_err(), "leaf {leaf} of {size} at {other}");
            }
            for other in trees.iter().filter(|other| other.size != size as u64) {
                assert!(proof.verify(&all[leaf], other).is_err(), "{proof:?} for {other:?}");
                let moved = InclusionProof { tree_size: other.size, ..proof.clone() };
                assert!(moved.verify(&all[leaf], other).is_err(), "{moved:?} for {other:?}");
            }
        }
        for first in 1..=size {
            let proof = consistency(first, &all[..size]);
            for other in 0..=all.len() {
                assert_eq!(proof.verify(&trees[other], &trees[size]).is_ok(), other == first);
                assert_eq!(proof.verify(&trees[first], &trees[other]).is_ok(), other == size);
                // With its sizes changed too, it holds only where it is the very proof of those: the empty one, of a tree and itself.
                let moved = ConsistencyProof { first: other as u64, ..proof.clone() };
                let is_that = other <= size && proof.path == reference::consistency(other, &all[..size]);
                assert_eq!(moved.verify(&trees[other], &trees[size]).is_ok(), is_that, "{moved:?}");
                let moved = ConsistencyProof { second: other as u64, ..proof.clone() };
                let is_that = other >= first && proof.path == reference::consistency(first, &all[..other]);
                assert_eq!(moved.verify(&trees[first], &trees[other]).is_ok(), is_that, "{moved:?}");
            }
        }
    }
}

/// The hash with one bit changed.
fn flipped(hash: &Hash, bit: usize) -> Hash {
    let mut bytes = *hash.as_bytes();
    bytes[bit / 8] ^= 1 << (bit % 8);
    Hash::from(bytes)
}

/// Every way to change one bit of a path, and to take a hash away, repeat it or interchange two.
fn altered_paths(path: &[Hash]) -> Vec<Vec<Hash>> {
    let mut altered = Vec::new();
    for at in 0..path.len() {
        for bit in 0..256 {
            let mut other = path.to_vec();
            other[at] = flipped(&other[at], bit);
            altered.push(other);
        }
        let mut shorter = path.to_vec();
        shorter.remove(at);
        let mut longer = path.to_vec();
        longer.insert(at, path[at]);
        altered.extend([shorter, longer]);
        if at > 0 {
            let mut swapped = path.to_vec();
            swapped.swap(at - 1, at);
            altered.push(swapped);
        }
    }
    altered.push([path, &[empty_root()]].concat());
    altered
}

#[test]
fn no_bit_of_an_inclusion_proof_can_be_changed() {
    let all = leaves(18);
    for size in 1..=all.len() {
        let tree = tree(&all[..size]);
        for leaf in 0..size {
            let proof = inclusion(leaf, &all[..size]);
            let hash = &all[leaf];
            for path in altered_paths(&proof.path) {
                assert!(InclusionProof { path, ..proof.clone() }.verify(hash, &tree).is_err(), "leaf {leaf} of {size}");
            }
            for bit in 0..64 {
                let index = InclusionProof { leaf_index: proof.leaf_index ^ 1 << bit, ..proof.clone() };
                assert!(index.verify(hash, &tree).is_err(), "leaf {leaf} of {size}, bit {bit}");
                let sized = InclusionProof { tree_size: proof.tree_size ^ 1 << bit, ..proof.clone() };
                assert!(sized.verify(hash, &tree).is_err(), "leaf {leaf} of {size}, bit {bit}");
                let resized = Tree { size: tree.size ^ 1 << bit, ..tree };
                assert!(proof.verify(hash, &resized).is_err(), "leaf {leaf} of {size}, bit {bit}");
            }
            for bit in 0..256 {
                assert!(proof.verify(&flipped(hash, bit), &tree).is_err());
                assert!(proof.verify(hash, &Tree { root: flipped(&tree.root, bit), ..tree }).is_err());
            }
        }
    }
}

#[test]
fn no_bit_of_a_consistency_proof_can_be_changed() {
    let all = leaves(18);
    for second in 1..=all.len() {
        let later = tree(&all[..second]);
        for first in 1..=second {
            let earlier = tree(&all[..first]);
            let proof = consistency(first, &all[..second]);
            for path in altered_paths(&proof.path) {
                assert!(ConsistencyProof { path, ..proof.clone() }.verify(&earlier, &later).is_err(), "{proof:?}");
            }
            for bit in 0..64 {
                let moved = ConsistencyProof { first: proof.first ^ 1 << bit, ..proof.clone() };
                assert!(moved.verify(&earlier, &later).is_err(), "{moved:?}");
                let moved = ConsistencyProof { second: proof.second ^ 1 << bit, ..proof.clone() };
                assert!(moved.verify(&earlier, &later).is_err(), "{moved:?}");
                let resized = |tree: &Tree| Tree { size: tree.size ^ 1 << bit, ..*tree };
                assert!(proof.verify(&resized(&earlier), &later).is_err(), "{proof:?}, bit {bit}");
                assert!(proof.verify(&earlier, &resized(&later)).is_err(), "{proof:?}, bit {bit}");
            }
            for bit in 0..256 {
                let forged = Tree { root: flipped(&earlier.root, bit), ..earlier };
                assert!(proof.verify(&forged, &later).is_err());
                let forged = Tree { root: flipped(&later.root, bit), ..later };
                assert!(proof.verify(&earlier, &forged).is_err());
            }
        }
    }
}

#[test]
fn a_tree_grows_out_of_nothing_but_not_out_of_a_later_one() {
    let all = leaves(5);
    let (none, five) = (tree(&[]), tree(&all));
    let from_none = ConsistencyProof { first: 0, second: 5, path: Vec::new() };
    assert_eq!(from_none.verify(&none, &five), Ok(()));
    let long = ConsistencyProof { path: vec![all[0]], ..from_none.clone() };
    assert_eq!(long.verify(&none, &five), Err(ProofError::PathLength { found: 1, expected: 0 }));
    let forged = Tree { size: 0, root: all[0] };
    assert!(matches!(from_none.verify(&forged, &five), Err(ProofError::EarlierRoot { .. })));
    let back = ConsistencyProof { first: 5, second: 0, path: Vec::new() };
    assert_eq!(back.verify(&five, &none), Err(ProofError::Shrunk { first: 5, second: 0 }));
    let empty = ConsistencyProof { first: 0, second: 0, path: Vec::new() };
    assert_eq!(empty.verify(&none, &none), Ok(()));
    assert!(empty.verify(&none, &forged).is_err());
}

#[test]
fn proofs_are_read_back_and_unknown_fields_refused() {
    let all = leaves(7);
    let proof = inclusion(2, &all);
    let json = serde_json::to_string(&proof).unwrap();
    assert_eq!(serde_json::from_str::<InclusionProof>(&json).unwrap(), proof);
    let grown = consistency(3, &all);
    let json = serde_json::to_string(&grown).unwrap();
    assert_eq!(serde_json::from_str::<ConsistencyProof>(&json).unwrap(), grown);
    for json in [
        r#"{"leaf_index":0,"tree_size":1,"path":[],"more":1}"#,
        r#"{"leaf_index":-1,"tree_size":1,"path":[]}"#,
        r#"{"leaf_index":0,"tree_size":1}"#,
        r#"{"leaf_index":0,"tree_size":1,"path":["00"]}"#,
    ] {
        assert!(serde_json::from_str::<InclusionProof>(json).is_err(), "{json}");
    }
    assert!(serde_json::from_str::<ConsistencyProof>(r#"{"first":0,"second":1,"path":[],"more":1}"#).is_err());
}

/// Sizes where arithmetic would go wrong if it could.
fn sizes() -> impl Strategy<Value = u64> {
    prop_oneof![any::<u64>(), 0..200_u64, (0..64_u32, 0..3_u64).prop_map(|(bit, more)| (1 << bit) - 1 + more)]
}

/// Complete subtrees of a tree in which all leaves are the same, so that one of any size is at hand.
fn uniform() -> impl FnMut(u32, u64) -> Result<Hash, Infallible> {
    let mut levels = vec![leaf_hash(b"")];
    (1..64).for_each(|below: usize| levels.push(node_hash(&levels[below - 1], &levels[below - 1])));
    move |level, _| Ok(levels[level as usize])
}

fn uniform_tree(size: u64) -> Tree {
    let Ok(root) = root_of_range(0, size, &mut uniform());
    Tree { size, root }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn proofs_of_trees_of_any_size_hold(one in sizes(), other in sizes()) {
        let (first, second) = (one.min(other), one.max(other));
        let Ok(grown) = ConsistencyProof::make(first, second, uniform());
        prop_assert_eq!(grown.verify(&uniform_tree(first), &uniform_tree(second)), Ok(()));
        prop_assume!(first < second);
        let Ok(included) = InclusionProof::make(first, second, uniform());
        prop_assert!(included.path.len() <= 64);
        prop_assert_eq!(included.verify(&leaf_hash(b""), &uniform_tree(second)), Ok(()));
    }

    #[test]
    fn nonsense_is_refused_and_never_panics(one in sizes(), other in sizes(), seed in any::<u64>(), length in 0..130_u64) {
        let made_up = |count: u64| (0..count).map(|at| leaf_hash(format!("{seed} {at}").as_bytes())).collect::<Vec<_>>();
        let root = leaf_hash(b"root");
        let tree = |size| Tree { size, root };
        let (first, second) = (one.min(other), one.max(other));
        let mut lengths = vec![length];
        if first < second {
            // The right lengths too, so that what lies behind the check of them is reached.
            let Ok(included) = InclusionProof::make(first, second, uniform());
            let Ok(grown) = ConsistencyProof::make(first, second, uniform());
            lengths.extend([included.path.len() as u64, grown.path.len() as u64]);
        }
        for length in lengths {
            for (first, second) in [(first, second), (second, first)] {
                let included = InclusionProof { leaf_index: first, tree_size: second, path: made_up(length) };
                prop_assert!(included.verify(&leaf_hash(b"leaf"), &tree(second)).is_err());
                let grown = ConsistencyProof { first, second, path: made_up(length) };
                let same = first == second && first > 0 && length == 0;
                prop_assert_eq!(grown.verify(&tree(first), &tree(second)).is_ok(), same);
            }
        }
    }
}
