//! Tests of the folder.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::*;

#[track_caller]
fn expect_guessable(keys: &[&str]) {
    for key in keys {
        assert!(is_guessable(key), "{key}");
    }
}

#[test]
fn keys_that_people_make_are_guessable() {
    expect_guessable(&[
        "correcthorsecorrecthorsecorrecthorsecorrecthorse",
        "correct horse correct horse correct horse",
        "correcthorsebatterystaplecorrecthorsebatterystaple",
        "Correct-Horse-Battery-Staple-2026!",
        "abcabcabcabcabcabcabcabcabcabcabcabc",
        "passwordpasswordpasswordpassword1234",
        "vestibule00000000000000000000000000000",
        "dragon..............................!1",
        "qwertyuiopasdfghjklzxcvbnm1234567890",
        "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
        "zyxwvutsrqponmlkjihgfedcba9876543210",
        "abcdefghijklmnopqrstuvwxyz0123456789",
        "0123456789abcdef0123456789abcdef",
        "0123456789abcdeffedcba9876543210",
        "2001-01-01,1999-12-31,24.12.1987,20260704",
        "01012001020220020303200304042004",
        "thisisaverylongsecretkeyforjwttokens",
        "my_sup3r_s3cr3t_jwt_s1gn1ng_k3y_2026",
        "P@ssw0rd!P@ssw0rd!P@ssw0rd!P@ssw0rd!1",
        "monkeydragonfootballshadowmonkeydragon",
        "aaaaaaaabbbbbbbbccccccccddddddddeeeeeeee",
        "00000000-0000-0000-0000-000000000001",
        "31415926535897932384626433832795",
        "11223344556677889900aabbccddeeff",
        "пароль пароль пароль пароль пароль",
        "deadbeefdeadbeefdeadbeefdeadbeef",
        "the quick brown fox jumps over it",
    ]);
}

#[test]
fn phrases_of_any_language_and_length_are_guessable() {
    expect_guessable(&[
        "Dies ist ein sehr langer geheimer Schluessel fuer unsere Anwendung",
        "diesisteinsehrlangergeheimerschluesselfuerunsereanwendung",
        "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore",
        "EsteEsUnSecretoMuyLargoParaMiAplicacionDePrueba2024",
        "ceci-est-une-cle-secrete-tres-longue-pour-notre-application",
        "この鍵はとても長いので安全だと思いますがどうでしょうか皆さん、いかがでしょうか",
        "мой дядя самых честных правил когда не в шутку занемог он уважать себя заставил",
        "insecure-dev-key-do-not-use-in-production!!",
        "THIS_IS_A_VERY_LONG_SECRET_KEY_FOR_JWT_SIGNING",
        "MyJwtKeyForThisAppIsSoLongItMustBeFine1",
        "a-string-secret-at-least-256-bits-long",
    ]);
}

#[test]
fn walks_over_the_keyboard_are_guessable() {
    expect_guessable(&[
        "qwertyuiopasdfghjklzxcvbnmQWERTYUIOPASDFGHJKLZXCVBNM",
        "qazwsxedcrfvtgbyhnujmikolp1234567890",
        "1qaz@WSX3edc$RFV5tgb^YHN7ujm*IK<9ol.0p",
        "!QAZ2wsx#EDC4rfv%TGB6yhn&UJM8ik,",
        "zaq12wsxcde34rfvbgt56yhnmju78ik,.lo90p",
        "asdfasdfqwerqwerzxcvzxcv12341234uiop",
    ]);
}

#[test]
fn encoded_text_and_regular_bytes_are_guessable() {
    let phrase = "correct horse battery staple correct";
    let hexadecimal: String = phrase.bytes().map(|byte| format!("{byte:02x}")).collect();
    let twice = STANDARD.encode(STANDARD.encode("super secret jwt signing key!!"));
    let wide: Vec<u8> = phrase.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let counted: Vec<u8> = (0..32).collect();
    let stepped: Vec<u8> = (0..32).map(|byte| byte * 7 + 3).collect();
    expect_guessable(&[
        "cGFzc3dvcmQtcGFzc3dvcmQtcGFzc3dvcmQ",
        "base64:cGFzc3dvcmRwYXNzd29yZHBhc3N3b3JkcGFzc3dvcmQ=",
        "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=",
        "MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43UOV3HO6DZPI",
        &STANDARD.encode(phrase),
        &URL_SAFE_NO_PAD.encode("пароль для нашего приложения"),
        &hexadecimal,
        &hexadecimal.to_uppercase(),
        &twice,
        &STANDARD.encode(wide),
        &STANDARD.encode(&counted),
        &STANDARD.encode(&stepped),
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
    ]);
}

#[test]
fn samples_and_digests_of_words_are_guessable() {
    expect_guessable(&[
        "123e4567-e89b-12d3-a456-426614174000",
        "550E8400E29B41D4A716446655440000",
        "f47ac10b-58cc-4372-a567-0e02b2c3d479",
        // Versions 7 and 1: mostly the time.
        "01890a5d-ac96-774b-bcce-b302099a8057",
        "c232ab00-9414-11ec-b3c8-9f6bdeced846",
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
        // MD5 and SHA-256 of nothing.
        "d41d8cd98f00b204e9800998ecf8427e",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        // MD5, SHA-1 and SHA-256 of "password".
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8",
        "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8",
        "XohImNooBHFR0OVvjcYpJ3NgPQ1qq73WKhHvch0VQtg=",
        // SHA-256 of "secret", and of "test" with a newline.
        "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b",
        "f2ca1bb6c7e907d06dafe4687e579fce76b37e4e93b7605022da52e6ccc26fd2",
    ]);
}

#[test]
fn a_random_half_twice_is_guessable() {
    expect_guessable(&["5f1c0e7a9b3d48e2a6c4f0b8d7e19a235f1c0e7a9b3d48e2a6c4f0b8d7e19a23"]);
}

#[test]
fn random_keys_of_all_kinds_are_taken() {
    let mut state = 7_u64;
    // SplitMix64.
    let mut draw = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let mut bytes = |count: usize| -> Vec<u8> {
        let words = (0..count.div_ceil(8)).flat_map(|_| draw().to_le_bytes());
        words.take(count).collect()
    };
    let hex =
        |bytes: Vec<u8>| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
    // What is recommended, and what the service makes for itself.
    for _ in 0..150 {
        for key in [hex(bytes(32)), STANDARD.encode(bytes(32))] {
            assert!(!is_guessable(&key), "{key}");
        }
    }
    // Shorter ones look like words by chance, once in some thousands.
    for _ in 0..30 {
        let keys = [
            hex(bytes(16)),
            hex(bytes(16)).to_uppercase(),
            STANDARD.encode(bytes(24)),
            STANDARD.encode(hex(bytes(32))),
            URL_SAFE_NO_PAD.encode(bytes(64)),
            format!("test-only-{}-{}", hex(bytes(8)), hex(bytes(8))),
            uuid::Builder::from_random_bytes(bytes(16).try_into().expect("sixteen"))
                .into_uuid()
                .to_string(),
            bytes(32)
                .iter()
                .map(|byte| char::from(b'!' + byte % 94))
                .collect(),
        ];
        for key in &keys {
            assert!(!is_guessable(key), "{key}");
        }
    }
}
