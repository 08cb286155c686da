//! Keys that look random and are known: samples of documents, UUIDs that are not drawn at random, and digests of what anybody
//! would try first.

use aws_lc_rs::digest;
use md5::{Digest, Md5};

/// Keys and UUIDs of standards, manuals and tutorials, as [`bare`] leaves them.
const SAMPLES: &[&str] = &[
    // UUIDs.
    "123e4567e89b12d3a456426614174000",
    "123e4567e89b12d3a456426655440000",
    "550e8400e29b41d4a716446655440000",
    "6ba7b8109dad11d180b400c04fd430c8",
    "f81d4fae7dec11d0a76500a0c91e6bf6",
    "f47ac10b58cc4372a5670e02b2c3d479",
    "3fa85f6457174562b3fc2c963f66afa6",
    "936da01f9abd4d9d80c702af85c822a8",
    "c9a646d39c614cb7bfcdee2522c8f633",
    "16fd27068baf433b82eb8c7fada847da",
    "7d4448409dc011d1b2455ffdce74fad2",
    "9b1deb4d3b7d4bad9bdd2b0d7b3dcb6d",
    "1b9d6bcdbbfd4b2d9b5dab8dfbbd4bed",
    "6ec0bd7f11c043da975e2a8ad9ebae0b",
    "109156bec4fb41eab1b4efe1671c5836",
    "a8098c1af86e11dabd1a00112444be1e",
    "00010203040506070809101112131415",
    "919108f752d133205bacf847db4148a8",
    // Keys: RFC 7515 A.1, Flask, FastAPI, Fernet, AWS, Hasura.
    "aym1sysppbydfgzld3umj1qzkobwvmkoqqestjqlrt1qs0gzh75aktmn3yj0ips4hcguutwjazzr1z9caow",
    "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    "cw0x689rpijtrr7oe8heqskimvjaplesbxpwf4e4",
    "wjalrxutnfemik7mdengbpxrficyexamplekey",
    "3ek6fdo0c7tzbnvfjpmkndi2yaraakzqlk8o2ikoxqu4nf7edah8s3twphwrdwt6r",
];

/// Of what a digest soon finds the source. The whole list is short, as each is hashed in several ways.
const COMMON: &[&str] = &[
    "",
    "0",
    "1",
    "a",
    "abc",
    "admin",
    "administrator",
    "api",
    "app",
    "auth",
    "changeme",
    "default",
    "demo",
    "dev",
    "development",
    "example",
    "foo",
    "foobar",
    "hello",
    "hello world",
    "helloworld",
    "Hello World",
    "Hello, World!",
    "jwt",
    "jwtsecret",
    "jwt_secret",
    "jwt-secret",
    "key",
    "letmein",
    "local",
    "localhost",
    "master",
    "my-secret",
    "my_secret",
    "mykey",
    "mysecret",
    "mysecretkey",
    "null",
    "pass",
    "passw0rd",
    "password",
    "Password",
    "password1",
    "password123",
    "P@ssw0rd",
    "prod",
    "production",
    "qwerty",
    "root",
    "salt",
    "secret",
    "Secret",
    "secret123",
    "secretkey",
    "secret_key",
    "secret-key",
    "SECRET_KEY",
    "staging",
    "string",
    "supersecret",
    "test",
    "Test",
    "test123",
    "testing",
    "token",
    "true",
    "user",
    "vestibule",
    "Vestibule",
    "welcome",
    "admin123",
    "12",
    "123",
    "1234",
    "12345",
    "123456",
    "1234567",
    "12345678",
    "123456789",
    "1234567890",
    "42",
    "111111",
    "000000",
    "abc123",
    "iloveyou",
];

/// Fewest bytes of a digest that tell it.
const SHORTEST: usize = 12;

/// Whether the key, or what is left of it without signs, is known or made by a rule.
pub fn is_known(key: &str) -> bool {
    let bare = bare(key);
    SAMPLES.iter().any(|sample| bare.contains(sample)) || is_uuid_by_rule(key)
}

fn bare(key: &str) -> String {
    let signs = key.chars().filter(char::is_ascii_alphanumeric);
    signs.map(|c| c.to_ascii_lowercase()).collect()
}

/// Whether it is a UUID of a version that is made of the time, a network card or a name (RFC 9562 §5). One of version 7 has too
/// few random bits.
fn is_uuid_by_rule(key: &str) -> bool {
    let key = key.trim_matches(['{', '}']);
    let dashes = key.match_indices('-').map(|(at, _)| at);
    let is_uuid = key.len() == 36
        && dashes.eq([8, 13, 18, 23])
        && key.chars().all(|c| c == '-' || c.is_ascii_hexdigit());
    is_uuid && key.as_bytes().get(14) != Some(&b'4')
}

/// Whether these bytes are, or begin with, or begin, the digest of something common.
pub fn is_digest(bytes: &[u8]) -> bool {
    if bytes.len() < SHORTEST {
        return false;
    }
    let is_this = |digest: &[u8]| digest.starts_with(bytes) || bytes.starts_with(digest);
    COMMON.iter().any(|word| {
        // As `echo` writes it, too.
        [(*word).to_owned(), format!("{word}\n")]
            .iter()
            .any(|text| {
                let text = text.as_bytes();
                let algorithms = [
                    &digest::SHA1_FOR_LEGACY_USE_ONLY,
                    &digest::SHA256,
                    &digest::SHA384,
                    &digest::SHA512,
                ];
                is_this(&Md5::digest(text))
                    || algorithms
                        .iter()
                        .any(|algorithm| is_this(digest::digest(algorithm, text).as_ref()))
            })
    })
}
