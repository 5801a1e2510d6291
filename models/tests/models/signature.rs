//! Keys and signatures: what holds, and each refusal with its sentence.

use crate::common::{Folder, TestNetwork, artifact};
use fraudnet_models::artifact::MANIFEST_FILE;
use fraudnet_models::registry::sign;
use fraudnet_models::{Artifact, ArtifactError, KeyError, ManifestSignature, SIGNATURE_FILE, SecretKey, Signer, Trust};
use std::fs;
use std::path::Path;

fn key(name: &str) -> SecretKey {
    SecretKey::from_seed(name, [name.len() as u8; 32]).unwrap()
}

/// Trusts these keys.
fn trust(keys: &[&SecretKey], required: bool) -> Trust {
    let keys = keys.iter().map(|key| (key.name().to_owned(), key.verifying_key())).collect();
    Trust { keys, required }
}

fn refusal(folder: &Path, trust: &Trust) -> String {
    let error = Artifact::load_trusted(folder, trust).unwrap_err();
    assert!(matches!(error, ArtifactError::Signature(_)), "{error}");
    error.to_string()
}

#[test]
fn keys_survive_their_files_and_are_never_written_over() {
    let folder = Folder::new();
    let made = SecretKey::generate("alice").unwrap();
    let public = made.write(&folder.join("alice")).unwrap();
    assert_eq!(public, folder.join("alice.pub"));
    assert_eq!(folder.names(), ["alice", "alice.pub"]);
    let read = SecretKey::read(&folder.join("alice")).unwrap();
    assert_eq!((read.name(), read.public()), ("alice", made.public()));
    assert!(!format!("{read:?}").contains(fs::read_to_string(folder.join("alice")).unwrap().trim()), "it shows itself");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(folder.join("alice")).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let trust = Trust::read(&folder.join(""), true).unwrap();
    assert_eq!(trust.keys.keys().collect::<Vec<_>>(), ["alice"]);
    let signature = made.sign(b"a message");
    trust.verify("alice", b"a message", &signature).unwrap();
    for (name, message, signature) in [
        ("alice", &b"another message"[..], &signature[..]),
        ("alice", b"a message", &signature[..126]),
        ("alice", b"a message", "no hex"),
        ("alice", b"a message", &key("bob").sign(b"a message")),
    ] {
        let error = trust.verify(name, message, signature).unwrap_err();
        assert!(matches!(error, KeyError::DoesNotHold(_)), "{error}");
    }
    let error = trust.verify("bob", b"a message", &signature).unwrap_err().to_string();
    assert!(error.contains("`bob` is not among the trusted keys (alice)"), "{error}");
    assert_ne!(SecretKey::generate("alice").unwrap().public(), made.public(), "every key is another one");
    assert!(matches!(key("other").write(&folder.join("alice")), Err(KeyError::Exists(_))));
    fs::remove_file(folder.join("alice.pub")).unwrap();
    assert!(matches!(key("other").write(&folder.join("alice")), Err(KeyError::Exists(_))));
    assert_eq!(SecretKey::read(&folder.join("alice")).unwrap().public(), made.public());
}

#[test]
fn key_files_at_fault_are_named() {
    let folder = Folder::new();
    for text in ["", "zz", &"0".repeat(63), &"0".repeat(66), &"g".repeat(64)] {
        fs::write(folder.join("alice"), text).unwrap();
        let error = SecretKey::read(&folder.join("alice")).unwrap_err().to_string();
        assert!(error.contains("holds no ed25519 key of 64 hex digits"), "{text}: {error}");
    }
    fs::remove_file(folder.join("alice")).unwrap();
    assert!(matches!(SecretKey::read(&folder.join("alice")), Err(KeyError::Io { .. })));
    assert!(matches!(Trust::read(&folder.join("nowhere"), false), Err(KeyError::Io { .. })));
    assert!(matches!(SecretKey::from_seed("a b", [1; 32]), Err(KeyError::Name(_))));
    // The point of order one: under it, signatures of nobody hold.
    fs::write(folder.join("weak.pub"), format!("01{}", "0".repeat(62))).unwrap();
    assert!(matches!(Trust::read(&folder.join(""), false), Err(KeyError::NoKey(_))));
    fs::remove_file(folder.join("weak.pub")).unwrap();
    for name in ["alice.pub", "alias.pub"] {
        fs::write(folder.join(name), key("alice").public()).unwrap();
    }
    let error = Trust::read(&folder.join(""), false).unwrap_err().to_string();
    assert!(error.contains("`alias` and `alice` are the same key"), "{error}");
}

#[test]
fn a_signed_version_names_its_author() {
    let folder = Folder::new();
    let (alice, bob) = (key("alice"), key("bob"));
    let path = folder.join("1");
    artifact(&TestNetwork::new()).signed_by(&alice).write(&path).unwrap();
    let (_, author) = Artifact::load_trusted(&path, &trust(&[&alice, &bob], true)).unwrap();
    assert_eq!(author.as_deref(), Some("alice"));
    // Nobody asked about signatures: it loads, and has no author, since nobody is trusted.
    Artifact::load(&path).unwrap();
    assert_eq!(Artifact::load_trusted(&path, &Trust::none()).unwrap().1, None);
    assert_eq!(Artifact::load_trusted(&path, &trust(&[&bob], false)).unwrap().1, None);
    // Signed anew, it is the other's.
    sign(&path, &bob).unwrap();
    assert_eq!(Artifact::load_trusted(&path, &trust(&[&alice, &bob], true)).unwrap().1.as_deref(), Some("bob"));
    assert_eq!(folder.names(), ["1"]);
}

#[test]
fn each_refusal_says_what_is_wrong() {
    let folder = Folder::new();
    let (alice, mallory) = (key("alice"), key("mallory"));
    let path = folder.join("1");
    let only_alice = trust(&[&alice], true);
    artifact(&TestNetwork::new()).write(&path).unwrap();
    assert_eq!(
        refusal(&path, &only_alice),
        "the model is not signed and only signed ones are taken here; sign it with `fraudnet models sign`"
    );
    assert_eq!(Artifact::load_trusted(&path, &trust(&[&alice], false)).unwrap().1, None, "unless it need not be");

    sign(&path, &mallory).unwrap();
    let message = refusal(&path, &only_alice);
    assert!(message.contains("signed by `mallory`, which is not among the trusted keys (alice)"), "{message}");

    // The name of another on a signature of one's own.
    let manifest = fs::read(path.join(MANIFEST_FILE)).unwrap();
    let forged = ManifestSignature { key: "alice".to_owned(), ..ManifestSignature::of(&manifest, &mallory) };
    fs::write(path.join(SIGNATURE_FILE), forged.to_bytes()).unwrap();
    for trust in [&only_alice, &trust(&[&alice], false)] {
        let message = refusal(&path, trust);
        assert!(message.contains("the signature of `alice` does not hold for `manifest.json`"), "{message}");
    }

    // Any byte of the manifest, though it says the same.
    sign(&path, &alice).unwrap();
    let changed = [&manifest[..], b"\n"].concat();
    fs::write(path.join(MANIFEST_FILE), changed).unwrap();
    assert!(refusal(&path, &only_alice).contains("does not hold"));
    fs::write(path.join(MANIFEST_FILE), &manifest).unwrap();
    Artifact::load_trusted(&path, &only_alice).unwrap();

    for (damaged, expected) in [
        (&b""[..], "EOF while parsing"),
        (b"{}", "missing field `key`"),
        (br#"{"key":"../alice","signature":""}"#, "the name of its key is no plain name"),
        (br#"{"key":"alice","signature":"00"}"#, "its signature is not 128 hex digits"),
        (br#"{"key":"alice","signature":"00","note":1}"#, "unknown field `note`"),
    ] {
        fs::write(path.join(SIGNATURE_FILE), damaged).unwrap();
        for trust in [&only_alice, &Trust::none()] {
            let message = refusal(&path, trust);
            assert!(message.starts_with("`manifest.sig` cannot be read") && message.contains(expected), "{message}");
        }
    }
    fs::remove_file(path.join(SIGNATURE_FILE)).unwrap();
    fs::create_dir(path.join(SIGNATURE_FILE)).unwrap();
    assert!(matches!(Artifact::load(&path), Err(ArtifactError::Missing(name)) if name == SIGNATURE_FILE));
}

#[test]
fn a_signature_covers_every_file_and_nothing_is_signed_blindly() {
    let folder = Folder::new();
    let alice = key("alice");
    let path = folder.join("1");
    artifact(&TestNetwork::new()).signed_by(&alice).write(&path).unwrap();
    let network = path.join("model.onnx");
    let mut bytes = fs::read(&network).unwrap();
    bytes[100] ^= 1;
    fs::write(&network, bytes).unwrap();
    let error = Artifact::load_trusted(&path, &trust(&[&alice], true)).unwrap_err();
    assert!(matches!(error, ArtifactError::Hash { .. }), "{error}");
    let before = fs::read(path.join(SIGNATURE_FILE)).unwrap();
    assert!(matches!(sign(&path, &key("bob")), Err(ArtifactError::Hash { .. })));
    assert_eq!(fs::read(path.join(SIGNATURE_FILE)).unwrap(), before);
    // The signature is no file that a manifest may list.
    let error = artifact(&TestNetwork::new()).file(SIGNATURE_FILE, Vec::new()).write(&folder.join("2")).unwrap_err();
    assert!(matches!(error, ArtifactError::FileName(_)), "{error}");
}

#[test]
fn who_signed_is_told_apart() {
    let (alice, bob) = (key("alice"), key("bob"));
    let signed = ManifestSignature::of(b"{}", &bob).to_bytes();
    let open = trust(&[&alice], false);
    assert_eq!(open.signer(b"{}", None).unwrap(), Signer::Nobody);
    assert_eq!(open.signer(b"{}", Some(&signed)).unwrap(), Signer::Unknown("bob".to_owned()));
    let signer = trust(&[&bob], true).signer(b"{}", Some(&signed)).unwrap();
    assert_eq!((signer.author(), &signer), (Some("bob"), &Signer::Trusted("bob".to_owned())));
}
