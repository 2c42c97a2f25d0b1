use super::*;

const SHOPIFY: Scheme = Scheme::WholeBody(Signature::HmacSha256 {
    headers: &["x-new", "x-old"],
    encoding: Encoding::Base64,
    key: KeyForm::Raw,
});
const STANDARD: Scheme =
    Scheme::WholeBody(Signature::StandardWebhooks { key: KeyForm::StandardWebhooks });
const TIMESTAMPED: Scheme = Scheme::WholeBody(Signature::StampedHmacSha256 {
    header: "x-signature",
    form: StampedHeader::STRIPE,
});
const JWS: Scheme = Scheme::WholeBody(Signature::DetachedJws { headers: &["x-jws"] });

const STANDARD_SECRET: &str = "whsec_QUZTLXRlc3Qtc2VjcmV0LW9mLTMyLWJ5dGVzISE=";
/// Seed and public key.
const STANDARD_PRIVATE: &str =
    "whsk_QUZTLXRlc3Qtc2VlZC1vZi0zMi1ieXRlcy1lZDI1NTHaTkMJB6kx+SBehbenjpaXebAzN/Lnh/DZOgaDNGMJeA==";
const STANDARD_PUBLIC: &str = "whpk_2k5DCQepMfkgXoW3p46Wl3mwMzfy54fw2ToGgzRjCXg=";
/// PKCS #8 in base64, and the key set with its public half.
const JWS_PRIVATE: &str =
    include_str!("../../../../tests/fixtures/adapters/saleor/signing_key.txt").trim_ascii();
const JWS_PUBLIC: &str = r#"{"keys":[{"kty":"RSA","use":"sig","alg":"RS256","kid":"test","n":"t_tP-PS7doqB_BheLbTaiPZaQo0QbrH6HiMjKvcqyeI1QiTXQ4OBGPgokK8vnlnz_rK0ub7B7ETI9qauxkcG3c3uq-31kUTUMhHR5c_2d_M3fvtygHuAzjqa-9J0g3qK-mFwI_Y8JwoLMIuen93nk61H8dZzL0Z6iXAgtltQtNh3vLzYrLWYOdvkoYroDOlR1_l1TXxcQGLybHfhbMHifEkaD44xvIXXWPUzxLOwZjtdm-KGCxdq0N1LgeHqUu3Vj2F1B-VWEeMNCvli71SX3Db15m-VU_X4QlzzODxNxakW_Z92rkHcwOI9aPeFIn24o0CSx9rRMsn5ffyaM_Vt9w","e":"AQAB"}]}"#;

const SECOND: i64 = 10_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn verdict(scheme: Scheme, headers: &HeaderMap, second: i64, secret: &str) -> Result<(), Reject> {
    let request = Request { headers, body: b"{}", received_at: at(second), address_secret: None };
    scheme.verify(request, &[secret]).map(|_| ())
}

fn header(headers: &HeaderMap, name: &str) -> String {
    headers[name].to_str().unwrap().to_owned()
}

#[test]
fn a_signed_time_may_be_five_minutes_off_and_no_more() {
    for (scheme, secret) in [(STANDARD, STANDARD_SECRET), (TIMESTAMPED, "secret")] {
        let headers = scheme.sign(secret, b"{}", "m1", at(SECOND));
        let verify = |second| verdict(scheme, &headers, second, secret);
        assert_eq!(verify(SECOND - 300), Ok(()));
        assert_eq!(verify(SECOND + 300), Ok(()));
        assert_eq!(verify(SECOND - 301), Err(Reject::Stale));
        assert_eq!(verify(SECOND + 301), Err(Reject::Stale));
    }
}

#[test]
fn a_signature_under_another_version_does_not_count() {
    let mut headers = STANDARD.sign(STANDARD_SECRET, b"{}", "m1", at(SECOND));
    let v1 = header(&headers, "webhook-signature");
    let mut verify = |signature: String| {
        headers.insert(WEBHOOK_SIGNATURE, signature.parse().unwrap());
        verdict(STANDARD, &headers, SECOND, STANDARD_SECRET)
    };
    assert_eq!(verify(v1.replace("v1,", "v2,")), Err(Reject::MalformedSignature));
    assert_eq!(verify(v1.replace("v1,", "v1a,")), Err(Reject::BadSignature));
    assert_eq!(verify(format!("v2,AAAA v1a,AAAA v1,AAAA {v1}")), Ok(()));

    let mut headers = TIMESTAMPED.sign("secret", b"{}", "", at(SECOND));
    let v1 = header(&headers, "x-signature");
    let mut verify = |signature: String| {
        headers.insert("x-signature", signature.parse().unwrap());
        verdict(TIMESTAMPED, &headers, SECOND, "secret")
    };
    assert_eq!(verify(v1.replace("v1=", "v0=")), Err(Reject::MalformedSignature));
    assert_eq!(verify(v1.replace("v1=", "v0=00,v1=00,v1=")), Ok(()));
    assert_eq!(verify(v1.replace("t=", "t=1,t=")), Err(Reject::BadSignature), "the first counts");
    assert_eq!(verify(v1.replace("t=", "x=")), Err(Reject::MalformedSignature));
}

#[test]
fn a_forger_cannot_ask_for_more_than_sixteen_comparisons() {
    let mut headers = STANDARD.sign(STANDARD_SECRET, b"{}", "m1", at(SECOND));
    let v1 = header(&headers, "webhook-signature");
    for (before, expected) in [(15, Ok(())), (16, Err(Reject::BadSignature))] {
        let value = format!("{}{v1}", "v1,AAAA ".repeat(before));
        headers.insert(WEBHOOK_SIGNATURE, value.parse().unwrap());
        assert_eq!(verdict(STANDARD, &headers, SECOND, STANDARD_SECRET), expected, "{before}");
    }
}

#[test]
fn public_keys_verify_what_their_private_keys_sign() {
    for (scheme, private, public) in
        [(STANDARD, STANDARD_PRIVATE, STANDARD_PUBLIC), (JWS, JWS_PRIVATE, JWS_PUBLIC)]
    {
        assert_eq!(scheme.check_secret(public), Ok(()));
        let headers = scheme.sign(private, b"{}", "m1", at(SECOND));
        assert_eq!(verdict(scheme, &headers, SECOND, public), Ok(()));
        let other = Request {
            headers: &headers,
            body: b"{ }",
            received_at: at(SECOND),
            address_secret: None,
        };
        let forged = scheme.verify(other, &[public]).map(|_| ());
        assert_eq!(forged, Err(Reject::BadSignature));
        assert!(scheme.sign(public, b"{}", "m1", at(SECOND)).is_empty(), "it cannot sign");
    }
}

#[test]
fn a_public_key_is_never_a_shared_secret() {
    // Whoever knows a public key would else sign with it, under the algorithm of their choice.
    let key = STANDARD_PUBLIC.strip_prefix("whpk_").unwrap();
    for as_secret in [key.to_owned(), format!("whsec_{key}")] {
        let headers = STANDARD.sign(&as_secret, b"{}", "m1", at(SECOND));
        assert_eq!(verdict(STANDARD, &headers, SECOND, &as_secret), Ok(()), "well signed");
        let forged = verdict(STANDARD, &headers, SECOND, STANDARD_PUBLIC);
        assert_eq!(forged, Err(Reject::BadSignature));
    }
    let headers = STANDARD.sign(STANDARD_PRIVATE, b"{}", "m1", at(SECOND));
    assert_eq!(verdict(STANDARD, &headers, SECOND, STANDARD_SECRET), Err(Reject::BadSignature));
}

#[test]
fn a_jws_is_taken_in_one_form_only() {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let genuine = JWS.sign(JWS_PRIVATE, b"{}", "", at(SECOND));
    let value = header(&genuine, "x-jws");
    let (_, signature) = value.split_once("..").unwrap();
    let verify = |value: &str| {
        let headers = HeaderMap::from_iter([("x-jws".parse().unwrap(), value.parse().unwrap())]);
        verdict(JWS, &headers, SECOND, JWS_PUBLIC)
    };
    assert_eq!(verify(&value), Ok(()));
    for jose in [
        r#"{"alg":"none","b64":false,"crit":["b64"]}"#,
        r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#,
        r#"{"alg":"RS256","b64":true,"crit":["b64"]}"#,
        r#"{"alg":"RS256","b64":false}"#,
        r#"{"alg":"RS256","b64":false,"crit":["b64","exp"]}"#,
        r#"{"alg":"RS256","alg":"none","b64":false,"crit":["b64"]}"#,
        r#"{"alg":"RS256"}"#,
        "[]",
        "",
    ] {
        let forged = format!("{}..{signature}", URL_SAFE_NO_PAD.encode(jose));
        assert_eq!(verify(&forged), Err(Reject::MalformedSignature), "{jose}");
    }
    let attached = value.replace("..", &format!(".{}.", URL_SAFE_NO_PAD.encode("{}")));
    for malformed in [attached.as_str(), "..", ".", "", "a.b", &format!("{value}.")] {
        assert_eq!(verify(malformed), Err(Reject::MalformedSignature), "{malformed}");
    }
    // Understood, and not what was signed.
    let named = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","b64":false,"crit":["b64"],"kid":"x"}"#);
    assert_eq!(verify(&format!("{named}..{signature}")), Err(Reject::BadSignature));
}

#[test]
fn secrets_that_protect_nothing_are_refused() {
    assert_eq!(SHOPIFY.check_secret(""), Err(SecretProblem::Empty));
    assert_eq!(TIMESTAMPED.check_secret(""), Err(SecretProblem::Empty));
    for (secret, problem) in [
        ("", SecretProblem::Empty),
        ("whsec_", SecretProblem::Empty),
        ("not base64!", SecretProblem::NotBase64),
        ("whsec_c2hvcnQ=", SecretProblem::TooShort),
        ("whpk_c2hvcnQ=", SecretProblem::NotEd25519),
        (STANDARD_PRIVATE, SecretProblem::NotBase64),
    ] {
        assert_eq!(STANDARD.check_secret(secret), Err(problem), "{secret:?}");
    }
    let short = format!(r#"{{"keys":[{{"kty":"RSA","n":"{}","e":"AQAB"}}]}}"#, "A".repeat(170));
    let other_use = JWS_PUBLIC.replace(r#""use":"sig""#, r#""use":"enc""#);
    let other_algorithm = JWS_PUBLIC.replace("RS256", "RS512");
    for secret in
        ["{}", r#"{"keys":[]}"#, "not json", &short, &other_use, &other_algorithm, JWS_PRIVATE]
    {
        assert_eq!(JWS.check_secret(secret), Err(SecretProblem::NotKeySet), "{secret}");
    }
    assert_eq!(JWS.check_secret(""), Err(SecretProblem::Empty));
    assert!(SHOPIFY.sign("", b"{}", "", at(0)).is_empty(), "an empty secret signs nothing");
}

#[test]
fn a_signature_header_that_is_there_twice_is_refused() {
    let mut headers = SHOPIFY.sign("secret", b"{}", "", at(0));
    let again = headers["x-new"].clone();
    headers.append("x-new", again);
    assert_eq!(verdict(SHOPIFY, &headers, 0, "secret"), Err(Reject::MissingSignature));
}

#[test]
fn a_hexadecimal_signature_has_one_spelling() {
    let scheme = Scheme::WholeBody(Signature::HmacSha256 {
        headers: &["x-hex"],
        encoding: Encoding::Hex,
        key: KeyForm::Raw,
    });
    let mut headers = scheme.sign("secret", b"{}", "", at(0));
    assert_eq!(verdict(scheme, &headers, 0, "secret"), Ok(()));
    let loud = header(&headers, "x-hex").to_uppercase();
    headers.insert("x-hex", loud.parse().unwrap());
    assert_eq!(verdict(scheme, &headers, 0, "secret"), Err(Reject::MalformedSignature));
}

#[test]
fn an_address_proves_what_stands_in_it_and_no_less() {
    const SECRET: &str = "abcdefghijklmnopqrstuvwx";
    let verify = |address_secret, secrets: &[&str]| {
        let headers = HeaderMap::new();
        let request =
            Request { headers: &headers, body: b"", received_at: at(SECOND), address_secret };
        Scheme::AddressSecret.verify(request, secrets).map(|_| ())
    };
    assert_eq!(verify(Some(SECRET), &["other-secret-of-24-bytes", SECRET]), Ok(()));
    assert_eq!(verify(Some(&SECRET[1..]), &[SECRET]), Err(Reject::BadSignature));
    assert_eq!(verify(Some("abcdefghijklmnopqrstuvwy"), &[SECRET]), Err(Reject::BadSignature));
    assert_eq!(verify(Some(""), &[""]), Err(Reject::MissingSignature));
    assert_eq!(verify(None, &[SECRET]), Err(Reject::MissingSignature));
    assert_eq!(verify(Some("short"), &["short"]), Err(Reject::BadSignature), "it can be guessed");
}

#[test]
fn an_envelope_proves_its_fields_and_nothing_else() {
    const ENVELOPE: Scheme = Scheme::Envelope(Signature::HmacSha256OfFields {
        header: "x-signature",
        fields: &["created", "id"],
    });
    let body = br#"{"id": "a-b", "created": 12, "event": "paid"}"#;
    let headers = ENVELOPE.sign("secret", body, "", at(SECOND));
    let verify = |body: &[u8]| {
        let request =
            Request { headers: &headers, body, received_at: at(SECOND), address_secret: None };
        ENVELOPE.verify(request, &["secret"]).map(|_| ())
    };
    assert_eq!(verify(body), Ok(()));
    assert_eq!(verify(br#"{"created":12,"event":"forged","id":"a-b"}"#), Ok(()));
    assert_eq!(verify(br#"{"id":"a-c","created":12}"#), Err(Reject::BadSignature));
    assert_eq!(verify(br#"{"id":"a-b"}"#), Err(Reject::MalformedSignature));
    assert_eq!(verify(b"no json"), Err(Reject::MalformedSignature));
    assert!(!ENVELOPE.vouches_for_body() && !Scheme::AddressSecret.vouches_for_body());
}

#[test]
fn a_timestamp_and_its_signatures_are_read_as_each_platform_spells_them() {
    const PADDLE: Scheme = Scheme::WholeBody(Signature::StampedHmacSha256 {
        header: "x-signature",
        form: StampedHeader::PADDLE,
    });
    let headers = PADDLE.sign("secret", b"{}", "", at(SECOND));
    assert!(header(&headers, "x-signature").starts_with("ts=10000;h1="));
    assert_eq!(verdict(PADDLE, &headers, SECOND, "secret"), Ok(()));
    assert_eq!(
        verdict(TIMESTAMPED, &headers, SECOND, "secret"),
        Err(Reject::MalformedSignature),
        "the spellings do not mix"
    );
    let both = format!("ts=10000;h1=00;{}", &header(&headers, "x-signature")["ts=10000;".len()..]);
    let rotated = HeaderMap::from_iter([("x-signature".parse().unwrap(), both.parse().unwrap())]);
    assert_eq!(verdict(PADDLE, &rotated, SECOND, "secret"), Ok(()), "any of them may hold");
}

#[test]
fn a_secret_for_an_address_or_in_hexadecimal_has_its_form() {
    let squarespace = Scheme::WholeBody(Signature::HmacSha256 {
        headers: &["x-signature"],
        encoding: Encoding::Hex,
        key: KeyForm::Hex,
    });
    assert_eq!(squarespace.check_secret("0aFF"), Ok(()));
    assert_eq!(squarespace.check_secret("0aF"), Err(SecretProblem::NotHex));
    let address = Scheme::AddressSecret;
    assert_eq!(address.check_secret(""), Err(SecretProblem::Empty));
    assert_eq!(address.check_secret("too-short"), Err(SecretProblem::NotForAddress));
    assert_eq!(address.check_secret("abcdefghijklmnopqrstuv/x"), Err(SecretProblem::NotForAddress));
    assert_eq!(address.check_secret("abcdefghijklmnopqrstuvwx"), Ok(()));
}
