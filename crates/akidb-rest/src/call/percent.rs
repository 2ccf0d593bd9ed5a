//! Strict percent-decoding: what is not well formed is an error, not a character of its own.

/// Why a part of a URL could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidEncoding {
    /// `%` without two hexadecimal digits.
    #[error("has a % without two hexadecimal digits behind it, write %25 for a %")]
    Digits,
    /// The decoded bytes are not text.
    #[error("is not UTF-8 when decoded")]
    Utf8,
}

/// Decodes a segment of a path.
pub(super) fn decode_path(text: &str) -> Result<String, InvalidEncoding> {
    decode(text.as_bytes(), |byte| byte)
}

/// Decodes a name or a value of a query, where `+` is a space.
pub(super) fn decode_query(text: &str) -> Result<String, InvalidEncoding> {
    decode(text.as_bytes(), |byte| if byte == b'+' { b' ' } else { byte })
}

fn decode(mut text: &[u8], plain: impl Fn(u8) -> u8) -> Result<String, InvalidEncoding> {
    let mut bytes = Vec::with_capacity(text.len());
    loop {
        match text {
            [] => break,
            [b'%', high, low, rest @ ..] => {
                bytes.push(hex(*high)? << 4 | hex(*low)?);
                text = rest;
            }
            [b'%', ..] => return Err(InvalidEncoding::Digits),
            [byte, rest @ ..] => {
                bytes.push(plain(*byte));
                text = rest;
            }
        }
    }
    String::from_utf8(bytes).map_err(|_| InvalidEncoding::Utf8)
}

fn hex(digit: u8) -> Result<u8, InvalidEncoding> {
    let value = char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    value.ok_or(InvalidEncoding::Digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_well_formed_text_is_decoded() {
        assert_eq!(decode_path("a%2Fb%20c+d").as_deref(), Ok("a/b c+d"));
        assert_eq!(decode_query("a%2Fb%20c+d").as_deref(), Ok("a/b c d"));
        assert_eq!(decode_path("%C3%A9").as_deref(), Ok("\u{e9}"));
        for bad in ["%", "%4", "%zz", "a%+1b"] {
            assert_eq!(decode_path(bad), Err(InvalidEncoding::Digits), "{bad}");
        }
        assert_eq!(decode_path("%ff"), Err(InvalidEncoding::Utf8));
    }
}
