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

const JWT: Scheme = Scheme::WholeBody(Signature::JwtBody);
const RSA: Scheme = rsa(None, None);
const RSA_BASE64: Scheme = rsa(Some(Encoding::Base64), None);
const RSA_FOR: Scheme = rsa(None, Some("recipient"));

const fn rsa(body: Option<Encoding>, recipient: Option<&'static str>) -> Scheme<'static> {
    Scheme::WholeBody(Signature::RsaSha256 { headers: &["x-first", "x-second"], body, recipient })
}

const STANDARD_SECRET: &str = "whsec_QUZTLXRlc3Qtc2VjcmV0LW9mLTMyLWJ5dGVzISE=";
/// Seed and public key.
const STANDARD_PRIVATE: &str =
    "whsk_QUZTLXRlc3Qtc2VlZC1vZi0zMi1ieXRlcy1lZDI1NTHaTkMJB6kx+SBehbenjpaXebAzN/Lnh/DZOgaDNGMJeA==";
const STANDARD_PUBLIC: &str = "whpk_2k5DCQepMfkgXoW3p46Wl3mwMzfy54fw2ToGgzRjCXg=";
/// PKCS #8 in base64, and the key set with its public half.
const JWS_PRIVATE: &str =
    include_str!("../../../../tests/fixtures/adapters/saleor/signing_key.txt").trim_ascii();
const JWS_PUBLIC: &str = r#"{"keys":[{"kty":"RSA","use":"sig","alg":"RS256","kid":"test","n":"t_tP-PS7doqB_BheLbTaiPZaQo0QbrH6HiMjKvcqyeI1QiTXQ4OBGPgokK8vnlnz_rK0ub7B7ETI9qauxkcG3c3uq-31kUTUMhHR5c_2d_M3fvtygHuAzjqa-9J0g3qK-mFwI_Y8JwoLMIuen93nk61H8dZzL0Z6iXAgtltQtNh3vLzYrLWYOdvkoYroDOlR1_l1TXxcQGLybHfhbMHifEkaD44xvIXXWPUzxLOwZjtdm-KGCxdq0N1LgeHqUu3Vj2F1B-VWEeMNCvli71SX3Db15m-VU_X4QlzzODxNxakW_Z92rkHcwOI9aPeFIn24o0CSx9rRMsn5ffyaM_Vt9w","e":"AQAB"}]}"#;
/// The same public half.
const PEM: &str = "-----BEGIN PUBLIC KEY-----MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAt/tP+PS7doqB/BheLbTaiPZaQo0QbrH6HiMjKvcqyeI1QiTXQ4OBGPgokK8vnlnz/rK0ub7B7ETI9qauxkcG3c3uq+31kUTUMhHR5c/2d/M3fvtygHuAzjqa+9J0g3qK+mFwI/Y8JwoLMIuen93nk61H8dZzL0Z6iXAgtltQtNh3vLzYrLWYOdvkoYroDOlR1/l1TXxcQGLybHfhbMHifEkaD44xvIXXWPUzxLOwZjtdm+KGCxdq0N1LgeHqUu3Vj2F1B+VWEeMNCvli71SX3Db15m+VU/X4QlzzODxNxakW/Z92rkHcwOI9aPeFIn24o0CSx9rRMsn5ffyaM/Vt9wIDAQAB-----END PUBLIC KEY-----";
/// Shorter than 2048 bits, and of another algorithm.
const PEM_SHORT: &str = "-----BEGIN PUBLIC KEY-----MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDuyNpCMnufOI5rhx2yF+i2wHSC5rVNl2ENETlZtft4nlV7eHLVE4qFXoyFStA1wGK47sDencRB+zGH53erNI+CtPbmWoEeMwIuyCxh1lJK/IUmrEsshvQ/kjRyKNQF+IlXdgl5zyfS1m6seG3DZh/2Iip1MARZqAQKFDpgeGzl5wIDAQAB-----END PUBLIC KEY-----";
const PEM_P256: &str = "-----BEGIN PUBLIC KEY-----MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEQfKat4iS2DouAdmCVSliaPbsP6vW/wA2vN8wTyhVBzZ89Nhk6Jchh6RaY103Y22oaXc1T5dgBrUk6o4zwTYraw==-----END PUBLIC KEY-----";
/// What another program (Python's `cryptography`) says that key signs: `{}`, and `{}` in base64.
const RSA_OF_BODY: &str = "nv68mHuSqIhu8msEBMvh59WOAIk4TGT3ISPYlV/BMAH+0JJpAceUko4dUjzardggNes57TngHsez3HfwtH59x+tTOObzp7OBKVYgAiwr05XgMkXlStueuYyODkFqM42F8vgYtoJkf2bZ9QiX1tfnGYHlzzBrYoUZ9GLKVykYkbvj9Q0uYUqGHBRNe0+EOozRTjAYiwicKMEXq+VxJI2kmkPRGvRiJAbBaQR5iXUSJ8vJG3eCJb+j5LmgSq4LbP8CnAb8TTp1/0B3JSNdqqH8n15xtwidGOyLi34D01UWeNmy6M8fT7MOhSjAgyXo0U2n6QueNZ3oysNpDRJ94R+HLw==";
const RSA_OF_BASE64: &str = "FeC2eN8dbvb9+Ob5EQiocBklgo/Dl3lGWVq05Tf1ZuLNTA+PJTQwiIdL1wxU72jmcCQRFoIOCYWpaoBrkHQPS74WFMKrWjELmNvbdlVSDfyO0II8eDWHZ5njMMm6xreTSRqlB5mSlBjaieqAUKmNtohLHaefZ1jQaO9Ha62lmUs/sGFV4LiTq46Yb4ffHw1wU3P8qGVcxfE9u6rkZlOmc1o+hmQ9Vv7Bw1lguLkH5rM8ILJA78irCyjAZ/uu5FwAhUaB3jHHNOCl300av00jvzV8JjlGcTRwDdBx2lxSCJ1lrNswS7NLUvgvI2O7/WrVGrWppU43kVDqvB6A92mI/Q==";

const SECOND: i64 = 10_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn verdict(scheme: Scheme, headers: &HeaderMap, second: i64, secret: &str) -> Result<(), Reject> {
    let request = Request { headers, body: b"{}", received_at: at(second), address_secret: None };
    scheme.verify(request, &[secret]).map(|_| ())
}

/// What becomes of a body that proves itself.
fn verdict_on(body: &[u8], second: i64, secret: &str) -> Result<(), Reject> {
    let headers = &HeaderMap::new();
    let request = Request { headers, body, received_at: at(second), address_secret: None };
    JWT.verify(request, &[secret]).map(|_| ())
}

fn token(claims: &str) -> Vec<u8> {
    JWT.enclose(JWS_PRIVATE, claims.into())
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
    for (scheme, private, public) in [
        (STANDARD, STANDARD_PRIVATE, STANDARD_PUBLIC),
        (JWS, JWS_PRIVATE, JWS_PUBLIC),
        (RSA, JWS_PRIVATE, PEM),
        (RSA_BASE64, JWS_PRIVATE, PEM),
    ] {
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
fn a_token_is_taken_as_long_as_it_says_it_holds() {
    let claims = format!(r#"{{"iat":{SECOND},"exp":{}}}"#, SECOND + 1_000);
    let verify = |second| verdict_on(&token(&claims), second, PEM);
    assert_eq!(verify(SECOND - 300), Ok(()));
    assert_eq!(verify(SECOND - 301), Err(Reject::Stale));
    assert_eq!(verify(SECOND + 1_300), Ok(()));
    assert_eq!(verify(SECOND + 1_301), Err(Reject::Stale));
    let verify = |claims: &str, second| verdict_on(&token(claims), second, PEM);
    assert_eq!(verify(r#"{"exp":9700.9}"#, SECOND), Ok(()), "a fraction of a second");
    assert_eq!(verify(r#"{"exp":9699.9}"#, SECOND), Err(Reject::Stale));
    for timeless in ["{}", r#"{"iat":null}"#, "not JSON", ""] {
        assert_eq!(verify(timeless, SECOND), Ok(()), "{timeless}");
    }
}

#[test]
fn a_token_is_taken_under_one_algorithm_only() {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let genuine = String::from_utf8(token("{}")).unwrap();
    let (signed, signature) = genuine.rsplit_once('.').unwrap();
    let (_, claims) = signed.split_once('.').unwrap();
    let verify = |token: &str| verdict_on(token.as_bytes(), SECOND, PEM);
    assert_eq!(verify(&genuine), Ok(()));
    for jose in [
        r#"{"alg":"none"}"#,
        r#"{"alg":"HS256"}"#,
        r#"{"alg":"PS256"}"#,
        r#"{"alg":"RS256","crit":["exp"]}"#,
        r#"{"alg":"RS256","alg":"none"}"#,
        "{}",
        "[]",
        "",
    ] {
        let forged = format!("{}.{claims}.{signature}", URL_SAFE_NO_PAD.encode(jose));
        assert_eq!(verify(&forged), Err(Reject::MalformedSignature), "{jose}");
    }
    // Understood, and not what was signed.
    let named = URL_SAFE_NO_PAD.encode(r#"{"kid":"x","alg":"RS256"}"#);
    let forged = format!("{named}.{claims}.{signature}");
    assert_eq!(verify(&forged), Err(Reject::BadSignature));
    assert_eq!(verify(&format!("{signed}.")), Err(Reject::BadSignature));
    for malformed in [signed, claims, "..", ".", "{}", &format!("{genuine}\n")] {
        assert_eq!(verify(malformed), Err(Reject::MalformedSignature), "{malformed}");
    }
    assert_eq!(verify(""), Err(Reject::MissingSignature));
    assert_eq!(verdict_on(genuine.as_bytes(), SECOND, "another"), Err(Reject::BadSignature));
    assert_eq!(JWT.enclose(PEM, b"{}".into()), b"{}", "a public key cannot sign");
}

#[test]
fn an_rsa_signature_covers_what_the_scheme_says() {
    for (scheme, signature) in [(RSA, RSA_OF_BODY), (RSA_BASE64, RSA_OF_BASE64)] {
        let signed = scheme.sign(JWS_PRIVATE, b"{}", "", at(SECOND));
        assert_eq!(header(&signed, "x-first"), signature);
        assert_eq!(verdict(scheme, &signed, SECOND, PEM), Ok(()));
    }
    let signed = RSA.sign(JWS_PRIVATE, b"{}", "", at(SECOND));
    assert_eq!(verdict(RSA_BASE64, &signed, SECOND, PEM), Err(Reject::BadSignature));
}

#[test]
fn any_of_several_rsa_signatures_may_hold() {
    let wrong = RSA_OF_BASE64;
    let verify = |given: &[(&str, &str)]| {
        let headers: HeaderMap = given
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
            .collect();
        verdict(RSA, &headers, SECOND, PEM)
    };
    assert_eq!(verify(&[("x-first", RSA_OF_BODY), ("x-second", wrong)]), Ok(()));
    assert_eq!(verify(&[("x-first", wrong), ("x-second", RSA_OF_BODY)]), Ok(()));
    assert_eq!(verify(&[("x-first", "?"), ("x-second", RSA_OF_BODY)]), Ok(()));
    assert_eq!(verify(&[("x-second", RSA_OF_BODY)]), Ok(()));
    let both_wrong = verify(&[("x-first", wrong), ("x-second", wrong)]);
    assert_eq!(both_wrong, Err(Reject::BadSignature));
    assert_eq!(verify(&[("x-first", "?")]), Err(Reject::MalformedSignature));
    assert_eq!(verify(&[]), Err(Reject::MissingSignature));
}

#[test]
fn what_is_signed_for_somebody_else_is_refused() {
    let verify = |body: &[u8], recipient: &str| {
        let headers = &RSA_FOR.sign(JWS_PRIVATE, body, "", at(SECOND));
        let request = Request { headers, body, received_at: at(SECOND), address_secret: None };
        RSA_FOR.verify(request, &[format!("{recipient}:{PEM}")]).map(|_| ())
    };
    assert_eq!(verify(br#"{"recipient":"us","data":{"recipient":"them"}}"#, "us"), Ok(()));
    for body in [
        r#"{"recipient":"them","data":{"recipient":"us"}}"#,
        r#"{"recipient":"us "}"#,
        r#"{"recipient":null}"#,
        r#"{"recipient":["us"]}"#,
        r#"[{"recipient":"us"}]"#,
        "{}",
        "",
    ] {
        assert_eq!(verify(body.as_bytes(), "us"), Err(Reject::BadSignature), "{body}");
    }
}

#[test]
fn a_public_key_may_stand_in_one_line_or_in_several() {
    let (_, rest) = PEM.split_at("-----BEGIN PUBLIC KEY-----".len());
    let (base64, _) = rest.split_at(rest.len() - "-----END PUBLIC KEY-----".len());
    let lines: Vec<&str> =
        base64.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    let lines = lines.join("\n");
    let several = format!("-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n");
    for pem in [PEM, &several, &several.replace('\n', "\r\n")] {
        let signed = RSA.sign(JWS_PRIVATE, b"{}", "", at(SECOND));
        assert_eq!(verdict(RSA, &signed, SECOND, pem), Ok(()), "{pem}");
    }
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
    let private = format!("-----BEGIN PRIVATE KEY-----{JWS_PRIVATE}-----END PRIVATE KEY-----");
    let renamed = private.replace("PRIVATE", "PUBLIC");
    let cut = &PEM.replace("IDAQAB", "");
    for secret in [PEM_SHORT, PEM_P256, JWS_PRIVATE, &private, &renamed, cut, "not PEM"] {
        for scheme in [JWT, RSA, RSA_BASE64] {
            let problem = Err(SecretProblem::NotPublicKey);
            assert_eq!(scheme.check_secret(secret), problem, "{secret}");
        }
        let problem = Err(SecretProblem::NotPublicKey);
        assert_eq!(RSA_FOR.check_secret(&format!("us:{secret}")), problem, "{secret}");
    }
    for (secret, problem) in [
        ("", SecretProblem::Empty),
        (PEM, SecretProblem::NoRecipient),
        (&format!(":{PEM}"), SecretProblem::NoRecipient),
    ] {
        assert_eq!(RSA_FOR.check_secret(secret), Err(problem), "{secret}");
    }
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
