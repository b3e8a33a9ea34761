//! Signatures by Standard Webhooks: HMAC-SHA256 over id, time and body.

use ring::hmac;

/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// How many bytes a secret may have.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A secret in its text form, `whsec_` and base64.
pub fn secret(bytes: &[u8]) -> String {
    format!("{PREFIX}{}", data_encoding::BASE64.encode(bytes))
}

/// The bytes of a secret; none where it is not one.
pub fn parse(secret: &str) -> Option<Vec<u8>> {
    let bytes = data_encoding::BASE64.decode(secret.strip_prefix(PREFIX)?.as_bytes()).ok()?;
    BYTES.contains(&bytes.len()).then_some(bytes)
}

/// The value of `webhook-signature`: one signature for each secret that is in use. A secret that is none signs nothing.
pub fn signatures(secrets: &[String], id: &str, timestamp: i64, body: &str) -> String {
    let signed = format!("{id}.{timestamp}.{body}");
    let sign = |bytes: Vec<u8>| {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &bytes), signed.as_bytes());
        format!("v1,{}", data_encoding::BASE64.encode(tag.as_ref()))
    };
    secrets.iter().filter_map(|secret| parse(secret)).map(sign).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the spec's reference implementations.
    #[test]
    fn the_example_of_the_spec_is_signed_as_there() {
        let secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()];
        let signed = signatures(&secrets, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn every_secret_in_use_signs() {
        let (one, two) = (secret(&[1; 24]), secret(&[2; 32]));
        let both = signatures(&[one.clone(), two.clone()], "msg_1", 1, "{}");
        assert_eq!(both, format!("{} {}", signatures(&[one], "msg_1", 1, "{}"), signatures(&[two], "msg_1", 1, "{}")));
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        assert_eq!(parse(&secret(&[7; 24])), Some(vec![7; 24]));
        for bad in ["", "abc", "whsec_", "whsec_!!", &secret(&[1; 23]), &secret(&[1; 65])] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
