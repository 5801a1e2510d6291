//! ID tokens that are taken, and every kind that is not.

use super::*;

fn header(signer: &Signer) -> Value {
    json!({"alg": signer.algorithm(), "kid": "k1", "typ": "JWT"})
}

#[test]
fn every_algorithm() {
    for signer in Signer::all() {
        let (keys, nonce) = (key_set(&[signer.jwk("k0"), signer.jwk("k1")]), nonce());
        let token = signer.token(&header(&signer), &claims());
        assert_eq!(verify(&token, &keys, &expected(&nonce), START_MS + 6_000), Ok(ann()), "{}", signer.algorithm());
        // Every bit of what is signed counts.
        let text = token.reveal();
        for index in [text.find('.').unwrap() + 20, text.rfind('.').unwrap() + 10, text.rfind('.').unwrap() + 40] {
            let mut changed = text.to_owned();
            let other = if &text[index..=index] == "A" { "B" } else { "A" };
            changed.replace_range(index..=index, other);
            let told = verify(&Secret::new(changed), &keys, &expected(&nonce), START_MS + 6_000).unwrap_err();
            assert_eq!(told, IdTokenFault::Signature, "{} {index}", signer.algorithm());
        }
    }
}

#[test]
fn a_key_says_how_it_signs() {
    let signers = Signer::all();
    let [rsa, p256, ed25519] = &signers;
    let (keys, nonce) = (key_set(&[rsa.jwk("k1"), p256.jwk("k2")]), nonce());
    let told = |signer: &Signer, header: Value| {
        verify(&signer.token(&header, &claims()), &keys, &expected(&nonce), START_MS + 6_000)
    };
    assert_eq!(told(rsa, json!({"alg": "RS256"})), Ok(ann()), "without a name, the only one that fits");
    for (header, fault) in [
        (json!({"alg": "none", "kid": "k1"}), IdTokenFault::Algorithm),
        (json!({"alg": "HS256", "kid": "k1"}), IdTokenFault::Algorithm),
        (json!({"alg": "RS512", "kid": "k1"}), IdTokenFault::Algorithm),
        (json!({"alg": "ES256", "kid": "k1"}), IdTokenFault::UnknownKey),
        (json!({"alg": "RS256", "kid": "k2"}), IdTokenFault::UnknownKey),
        (json!({"alg": "RS256", "kid": "k9"}), IdTokenFault::UnknownKey),
        (json!({"alg": "EdDSA"}), IdTokenFault::UnknownKey),
        (json!({"alg": "RS256", "kid": "k1", "crit": ["b64"], "b64": false}), IdTokenFault::Malformed),
        (json!({"kid": "k1"}), IdTokenFault::Malformed),
    ] {
        assert_eq!(told(rsa, header.clone()), Err(fault), "{header}");
    }
    assert_eq!(told(ed25519, json!({"alg": "ES256", "kid": "k2"})), Err(IdTokenFault::Signature));
    for bad in ["", "a.b", "a.b.c", "e30.e30.", "ey==.e30.e30", &"x".repeat(40_000)] {
        let told = verify(&Secret::new(bad), &keys, &expected(&nonce), START_MS);
        assert_eq!(told, Err(IdTokenFault::Malformed), "{}", &bad[..bad.len().min(20)]);
    }
}

#[test]
fn every_claim_counts() {
    let [_, _, signer] = Signer::all();
    let (keys, nonce) = (key_set(&[signer.jwk("k1")]), nonce());
    let start_s = START_MS / 1_000;
    let told = |changed: &Value| {
        let mut claims = claims();
        for (key, value) in changed.as_object().unwrap() {
            match value {
                Value::Null => claims.as_object_mut().unwrap().remove(key),
                value => claims.as_object_mut().unwrap().insert(key.clone(), value.clone()),
            };
        }
        verify(&signer.token(&header(&signer), &claims), &keys, &expected(&nonce), START_MS + 6_000)
    };
    for good in [
        json!({"aud": [CLIENT]}),
        json!({"aud": [CLIENT, "other"], "azp": CLIENT}),
        json!({"exp": start_s - 53, "nbf": start_s + 66, "iat": start_s + 66}),
        json!({"iat": start_s as f64 + 5.5, "exp": (start_s + 300) as f64}),
        json!({"iat": start_s - 60}),
        json!({"email_verified": "true"}),
    ] {
        assert_eq!(told(&good), Ok(ann()), "{good}");
    }
    for (bad, fault) in [
        (json!({"iss": "https://login.example/"}), IdTokenFault::Issuer),
        (json!({"iss": null}), IdTokenFault::Malformed),
        (json!({"aud": "other"}), IdTokenFault::Audience),
        (json!({"aud": []}), IdTokenFault::Audience),
        (json!({"aud": [CLIENT, "other"]}), IdTokenFault::Audience),
        (json!({"azp": "other"}), IdTokenFault::Audience),
        (json!({"exp": start_s - 54}), IdTokenFault::Expired),
        (json!({"exp": null}), IdTokenFault::Malformed),
        (json!({"exp": i64::MIN}), IdTokenFault::Expired),
        (json!({"nbf": start_s + 67}), IdTokenFault::Time),
        (json!({"iat": start_s + 67}), IdTokenFault::Time),
        (json!({"iat": start_s - 62}), IdTokenFault::Time),
        (json!({"iat": 1e300}), IdTokenFault::Time),
        (json!({"nonce": "other"}), IdTokenFault::Nonce),
        (json!({"nonce": null}), IdTokenFault::Nonce),
        (json!({"sub": ""}), IdTokenFault::Subject),
        (json!({"sub": "a\nb"}), IdTokenFault::Subject),
        (json!({"sub": "x".repeat(121)}), IdTokenFault::Subject),
    ] {
        assert_eq!(told(&bad), Err(fault), "{bad}");
    }
    for (claims, email, groups) in [
        (json!({"email_verified": false}), None, 2),
        (json!({"email_verified": null}), None, 2),
        (json!({"email": "änn@bank.example"}), None, 2),
        (json!({"email": null, "groups": "fraud"}), None, 1),
        (json!({"groups": ["fraud", 7, "", "a\nb"]}), Some("ann@bank.example"), 1),
        (json!({"groups": {"fraud": true}}), Some("ann@bank.example"), 0),
    ] {
        let identity = told(&claims).unwrap();
        assert_eq!((identity.email.as_deref(), identity.groups.len()), (email, groups), "{claims}");
    }
}

#[test]
fn key_sets() {
    let [rsa, p256, ed25519] = Signer::all();
    let of_no_use = [
        json!({"kty": "oct", "k": "AAAA"}),
        json!({"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"}),
        json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}),
        json!({"kty": "RSA", "n": "!", "e": "AQAB"}),
        json!({}),
    ];
    let mut encrypts = rsa.jwk("k1");
    encrypts["use"] = json!("enc");
    let mut other = p256.jwk("k2");
    other["alg"] = json!("ES512");
    for keys in [vec![], of_no_use.to_vec(), vec![encrypts, other]] {
        assert!(Keys::read(json!({ "keys": keys }).to_string().as_bytes()).is_err(), "{keys:?}");
    }
    let mixed = [of_no_use.to_vec(), vec![ed25519.jwk("k3")]].concat();
    assert_eq!(key_set(&mixed), key_set(&[ed25519.jwk("k3")]));
    for bad in ["", "[]", "{}", r#"{"keys":7}"#, &" ".repeat(300_000)] {
        assert!(Keys::read(bad.as_bytes()).is_err());
    }
    // A zero before the modulus, as some write it.
    let mut padded = rsa.jwk("k1");
    let modulus = BASE64URL_NOPAD.decode(padded["n"].as_str().unwrap().as_bytes()).unwrap();
    padded["n"] = json!(BASE64URL_NOPAD.encode(&[vec![0], modulus].concat()));
    assert_eq!(key_set(&[padded]), key_set(&[rsa.jwk("k1")]));
}
