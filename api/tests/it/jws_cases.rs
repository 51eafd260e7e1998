//! Cases of Project Wycheproof's `json_web_signature_test.json`, by their numbers there.

pub(crate) const HS256_KEY: &str = "-ebuDNsVZ2iJtoZ-akfXTSCt4UO2cruLCsbWlBinggE";
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImtpZC1hZXMtc2lnbiJ9";
const SIGNATURE: &str = "TD37p4c_0jmreSrBSDmE0F3mYSPtkZ3WrSyI5wb_KTg";
pub(crate) const BASE64_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Name, algorithm of the signatures, first and last case.
pub(crate) const GROUPS: [(&str, &str, u32, u32); 23] = [
    ("hs256", "HS256", 1, 17),
    ("es256", "ES256", 18, 32),
    ("rs256", "RS256", 33, 258),
    ("rs256", "RS256", 259, 263),
    ("rs384", "RS384", 264, 267),
    ("rs512", "RS512", 268, 271),
    ("ps256", "PS256", 272, 319),
    ("ps384", "PS384", 320, 324),
    ("ps512", "PS512", 325, 344),
    ("rfc7520", "RS256", 345, 345),
    ("rfc7520", "PS384", 346, 346),
    ("rfc7520", "ES512", 347, 347),
    ("rfc7520", "HS256", 348, 348),
    ("rfc7520WithKeyOps", "RS256", 349, 349),
    ("rfc7520WithKeyOps", "PS384", 350, 350),
    ("rfc7520WithKeyOps", "ES512", 351, 351),
    ("rfc7520", "HS256", 352, 352),
    ("rsa_encryption", "RS256", 353, 353),
    ("ec_key_for_encryption", "ES256", 354, 354),
    ("rsa_encryption", "RS256", 355, 355),
    ("ec_key_for_encryption", "ES256", 356, 356),
    ("base64", "HS256", 357, 377),
    ("SpecialCaseEs256", "ES256", 378, 401),
];

/// The group `hs256`: number, token, whether it is good.
pub(crate) fn hs256_tests() -> [(u32, String, bool); 17] {
    let none = "eyJhbGciOiJub25lIiwia2lkIjoia2lkLWFlcy1zaWduIn0";
    let other = "eyJhbGciOiJIUzI1NiIsImtpZCI6IlhpZC1hZXMtc2lnbiJ9";
    let json = format!(
        r#"{{"payload":"Zm9v","signatures":[{{"protected":"{HEADER}","header":{{"unknown":"untrustworthy"}},"signature":"{SIGNATURE}"}}]}}"#
    );
    [
        (1, format!("{HEADER}.Zm9v.{SIGNATURE}"), true),
        (2, format!("{HEADER}.Zm9v.X{}", &SIGNATURE[1..]), false),
        (3, format!("{HEADER}.Zm9v."), false),
        (4, format!("{HEADER}.Zm9v"), false),
        (5, format!("{HEADER}.WG9v.{SIGNATURE}"), false),
        (6, format!("{HEADER}..{SIGNATURE}"), false),
        (7, format!("{HEADER}.{SIGNATURE}"), false),
        (8, format!("{other}.Zm9v.{SIGNATURE}"), false),
        (9, format!(".Zm9v.{SIGNATURE}"), false),
        (10, format!("Zm9v.{SIGNATURE}"), false),
        (11, ".Zm9v.".to_owned(), false),
        (12, "Zm9v".to_owned(), false),
        (13, String::new(), false),
        (14, format!("{HEADER}.Zm9v.{SIGNATURE}."), false),
        (15, format!("{HEADER}.Zm9v.{SIGNATURE}.foo"), false),
        (16, format!("{none}.Zm9v."), false),
        (17, json, false),
    ]
}

/// The group `base64`: number, token, and whether it is good by what was published.
pub(crate) const BASE64_TESTS: [(u32, &str, bool); 21] = [
    (
        357,
        "eyJraWQiOiJoczI1Ni1rZXkiLCJhbGciOiJIUzI1NiJ9.VGVzdA.c1LROH7eNQwUT8KMVEO52VC3WZ9e_AnDWbZ7aMmowV8",
        true,
    ),
    (
        358,
        "eyJraWQiOiJoczI1Ni1rZXkiLCJhbGciOiJIUzI1NiJ9.VDIxMzI1NjY4.AAAAtBuQqoI9HuBeAsgjL4nx8sCGYJa5-G2OrureLO4",
        true,
    ),
    (
        359,
        "eyJraWQiOiJoczI1Ni1rZXkiLCJhbGciOiJIUzI1NiJ9.VDgxMjM0MTM.____ETVRY0lRV9XgQeYX6ixdGT0NLHYb-wZem_ifJ5k",
        true,
    ),
    (
        360,
        "eyJraWQiOiJoczI1Ni1rZXkiLCJhbGciOiJIUzI1NiJ9.VGVzdA.    c1LROH7eNQwUT8KMVEO52VC3WZ9e_AnDWbZ7aMmowV8",
        false,
    ),
    (
        361,
        "eyJraWQiOiJoczI1Ni1rZXkiLCJhbGciOiJIUzI1NiJ9.VGVzdA.?c1LROH7eNQwUT8KMVEO52VC3WZ9e_AnDWbZ7aMmowV8",
        false,
    ),
    (
        362,
        "eyJraWQiOiJoczI1Ni1rZXkiLCJhbGciOiJIUzI1NiJ9.VGVzdA.c1LROH7eNQwUT8KMVEO52VC3WZ9e_AnDWbZ7aMmowV8?",
        false,
    ),
    (
        363,
        "eyJraWQiOiJoczI1Ni1rZXkiLCJhbGciOiJIUzI1NiJ9.VDIxMzI1NjY4.?AAAtBuQqoI9HuBeAsgjL4nx8sCGYJa5-G2OrureLO4",
        false,
    ),
    (
        364,
        "eyJraWQiOiJoczI1Ni1rZXkiLCJhbGciOiJIUzI1NiJ9.VDgxMjM0MTM.????ETVRY0lRV9XgQeYX6ixdGT0NLHYb-wZem_ifJ5k",
        false,
    ),
    (
        365,
        "eyJraWQiOiJoczI1Ni1rZXkiLCJhbGciOiJIUzI1NiJ9    .VGVzdA.DR-cdw2cCB53b3mpzMfk2gKTeyN0PhXBrTW1atMfSdM",
        false,
    ),
    (
        366,
        "eyJraWQiOiJoczI1Ni1rZXkiLCJhbGciOiJIUzI1NiJ9####.VGVzdA.23srvDiEYo7665_26qKv4D-0E2a149WRWH_av2ki2I4",
        false,
    ),
    (
        367,
        "eyJraWQiOiJoczI1Ni1rZXkiLCJhbGciOiJIUzI1NiJ9.VGVzdA.c1LROH7eNQwUT8KMVEO52VC3WZ9e_AnDWbZ7aMmowV8",
        false,
    ),
    (
        368,
        "eyJraWQiOiJoczI1Ni1rZXkiLCJhbGciOiJIUzI1NiJ9.    VGVzdA.AbPJgmXfihyNBUYpbdPK8qRpPjNuTE-Z_wYQyrU2lMQ",
        false,
    ),
    (
        369,
        "eyJraWQiOiJoczI1Ni1rZXkiLCJhbGciOiJIUzI1NiJ9.####VGVzdA.Ixs2CdBkk8qjqe2-hq2dobqVvv9iDcDS6gPNgoXJyFY",
        false,
    ),
    (
        370,
        "eyJraWQiOiJoczI1Ni1rZXkiLCJhbGciOiJIUzI1NiJ9.VGVzdA.c1LROH7eNQwUT8KMVEO52VC3WZ9e_AnDWbZ7aMmowV8",
        false,
    ),
    (
        371,
        "eyJraWQiOiJoczI1Ni1rZXkiLCJhbGciOiJIUzI1NiJ9.?VGVzdA.q0zEA3Js33N6HcOFfBK875qJ_nFwSzI9SN9qJnx5sOc",
        false,
    ),
    (
        372,
        "eyJraWQiOiJoczI1Ni1rZXkiLCJhbGciOiJIUzI1NiJ?9.VGVzdA.c1LROH7eNQwUT8KMVEO52VC3WZ9e_AnDWbZ7aMmowV8",
        true,
    ),
    (
        373,
        "eyJraWQiOiJoczI1Ni1rZXkiLCJhbGciOiJIUzI1NiJ9.VGVzdA?.c1LROH7eNQwUT8KMVEO52VC3WZ9e_AnDWbZ7aMmowV8",
        true,
    ),
    (
        374,
        "eyJraWQiOiJoczI1Ni1rZXkiLCJhbGciOiJIUzI1NiJ9.AB.8sL_ycV8G_D-K_2A3I0EW3NoPMeQzv13cAzuHlQ5TAE",
        false,
    ),
    (
        375,
        "eyJraWQiOiJoczI1Ni1rZXkiLCJhbGciOiJIUzI1NiJ9.AB.9phoKDvkBMAqTgeVIYeqAi6-lvC0pbKg9ER--3T97w0",
        false,
    ),
    (
        376,
        "eyAia2lkIiA6ICJoczI1Ni1rZXkiLCAiYWxnIiA6ICJIUzI1NiIgfQ.VGVzdA.3nl1C7dKVGLfNyALp4ZKkmNFBJlFP8M9VGzCyil9S1c",
        true,
    ),
    (
        377,
        "eyJraWQiOiJoczI1Ni1rZXkiLAoJImFsZyI6IkhTMjU2In0.VGVzdA.Yxn8cTl7IHpFIoEPOFrWmjm-GQlr_RMqHNJOp1ZuweY",
        true,
    ),
];

/// The two good HS256 cases of RFC 7520: number, key, token.
pub(crate) const RFC7520: [(u32, &str, &str); 2] =
    [(348, FIG35_KEY, FIG35), (352, FIG35_KEY, FIG35)];
const FIG35_KEY: &str = "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg";
const FIG35: &str = "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4.s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0";

const FIG13: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4.MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg";
const FIG20: &str = "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4.cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw";
const FIG27: &str = "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4.AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2";
const RS_33: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImtpZC1yc2Etc2lnbiJ9.Zm9v.HUwxI1-cZrZgcuOgBQ7G7NE-GrqK79l6GV1KT4DKXnSMFwC8pfZCzE7pmLE7mYpLCIvzC87yuOjuhT0uW5oe6aaAEtR978cm-q8dfly45flqMrd_ifhi9GCsMlyi8dpQ42Ou1etZljFZuWjfyk8CN1c5DaHRwhqjScAPIFp6xmzKIRUJ_xdQfUSfSlujLaixtScU518EoNP4oo1v7E8RAz6ZO4g2N4Xqs8OvSxYydcoTEg42QnLHe9JnXgI37Q5gSwinwaPsG3Ry56UYiLoL8mCUa74S51y02VsIgVmmGWgaXjM-i_lCiKQDBiBnvWlka4XhVuvd6ZWibM9cbCPtPg";
const ES_18: &str = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImtpZC1lYy1zaWduIn0.Zm9v.5cA0OHyMP7ezamUd5c9kV-FrGxdx4hbGXOdplQkutrqWrte5P-pAvsE3Ve6xSyU3YDQwUHjVVOtvcrEbbnZ8yA";
const EC_X: &str = "04N0xi21hshyvBp7I167sbE_bXqyqkAPfefdklMO7wY";
const RSA_N: &str = "kqGboBfAWttWPCA-0cGRgsY6SaYoIARt0B_PkaEcIq9HPYNdu9n6UuWHuuTHrjF_ZoQW97r5HaAorNvrMEGTGdxCHZdEtkHvNVVmrtxTBLiQCbCozXhFoIrVcr3qUBrdGnNn_M3jJi7Wg7p_-x62nS5gNG875oyheRkutHsQXikFZwsN3q_TsPNOVlCiHy8mxzaFTUQGm-X8UYexFyAivlDSjgDJLAZSWfxd7k9Gxuwa3AUfQqQcVcegmgKGCaErQ3qQbh1x7WB6iopE3_-GZ8HMAVtR9AmrVscqYsnjhaCehfAI0iKKs8zXr8tISc0ORbaalrkk03H1ZrsEnDKEWQ";
const N_256: &str = "orRRoH0KpfluRVZxUTVQUUqKW0YuvvcXCU-h_ugiJOY3-XRtP3yv0xh42AMltu9aFwD2WQO0aUKeidbqyIRQl7WrOTGJ25JRLtincRoSU_rNIPecFegkfz0-QuRuSMmOJUov6XZTE6A-_48X4aApOXofomqNzib0kO2BKZYV2YFMItphBCjgnH2WWFlCZvXAIdD87KCNlFoSvoLeTR7Oa0wDFFtdNJXU7VQR64eNrwX9evw-Ca2g8RJkIvWQl1oZaYFvSGmLy7obTZyuedRg2Pn4Xnl1AF2bwixOWsD3waRdElaaYoB9O5oC5aUw53MGb0U9H1tMLpz3ggKD90K51Q";
const N_384: &str = "zab6XKdr_gSS7Ffgo7__cnLcjR4lrR-zOKoFDwLBBOYxM9a1t8SYXruumsA2pbnAMHTWCuyOJbrzkqDEMP8FuI6UiAXT3XRRHYiFJQp7V0IVraAVxVkHZobiU8zJbAgVsSke54fMM2O0932TDrmY18WCskzqnOId6XInkZiYY6J-vICgDeW9L5Iod15aTOsFTVjJvjagVDNpcaE2Qt2VEN1paqJo2zqrIpnV2I-OViQ00UJwlNPfjnLR72m07TTRK6w3UiOyolzyJ_c1-BboXhcjkwR2mmCCFUzRWJn8Hq77abdIo-XtJNODcll94-TionuVHWrH2xgtaAnY_1Ebfw";
const N_512: &str = "wsSoYCNtPJCWoHbWulEH4Pe9geG6kW9zdXJL0rCwtjlWgTcVo0V6sEWLcfs1pFsn-e96w-V53qRd-_0HgZ7WtwIapTNsWEQqrdlsqe6dMkc-nZJ4VitNECWK3mqY-xx8_cOzcW713sWM9zs1nziVmbS1hlqYY1GesAHDJDh9p1VFDbNBMJNg44B8BWW44sRPvV5ujQTQBtfudouOhDYIKpD6DoN_MvRgh6tKDZviiqfaF5TOsBcqf1DtIPbfZB77y_0qrIl3XHYacxAJPGccl3-hiw1uAfsl96QytCxlNZeExokgVxnBz246Zdri2kNMMm3egbtv__vb9t5cFrunSQ";
const N_7520: &str = "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw";
const X_7520: &str =
    "AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt";

/// Of groups of other algorithms: number, token, and the public key that it was made for. All but 31,
/// 32 and 341 to 344 have good signatures; the last six groups say what their key is not for.
pub(crate) const OTHERS: [(u32, &str, &str); 25] = [
    (
        18,
        "eyJhbGciOiJFUzI1NiIsImtpZCI6ImtpZC1lYy1zaWduIn0.Zm9v.5cA0OHyMP7ezamUd5c9kV-FrGxdx4hbGXOdplQkutrqWrte5P-pAvsE3Ve6xSyU3YDQwUHjVVOtvcrEbbnZ8yA",
        EC_X,
    ),
    (
        31,
        "eyJhbGciOiJIUzI1NiIsImtpZCI6ImtpZC1lYy1zaWduIn0.Zm9v.TgWtz2FIRukBQ_mA5sgHa0Ybtgn7bl-YBPAi7Z0XdHU",
        EC_X,
    ),
    (
        32,
        "eyJhbGciOiJFUzI1NiIsImtpZCI6ImtpZC1lYy1zaWduIiwiandrIjp7Imt0eSI6IkVDIiwia2lkIjoia2lkLWVjLXNpZ24iLCJ1c2UiOiJzaWciLCJhbGciOiJFUzI1NiIsIngiOiJNZG5UWkRJaERKYmZBU2RGcWFtY3BPMkNoOUdOS0sybTBNUWxoNDAyU3BvIiwieSI6Ijdhdko0bHFfV3l4LW5MUERCUTJZcHl0dUh5TWlvMDdCVXl2bDNqYUMtMVkiLCJjcnYiOiJQLTI1NiJ9fQ.Zm9v.4jmsollQD8ZxvySzXYnIEYA4fwaZi2ZbC0aI1J4LYmW2Bn31NhKdjms2N6o51Dff5-InWXQF9m45VtTexl6yjg",
        EC_X,
    ),
    (
        33,
        "eyJhbGciOiJSUzI1NiIsImtpZCI6ImtpZC1yc2Etc2lnbiJ9.Zm9v.HUwxI1-cZrZgcuOgBQ7G7NE-GrqK79l6GV1KT4DKXnSMFwC8pfZCzE7pmLE7mYpLCIvzC87yuOjuhT0uW5oe6aaAEtR978cm-q8dfly45flqMrd_ifhi9GCsMlyi8dpQ42Ou1etZljFZuWjfyk8CN1c5DaHRwhqjScAPIFp6xmzKIRUJ_xdQfUSfSlujLaixtScU518EoNP4oo1v7E8RAz6ZO4g2N4Xqs8OvSxYydcoTEg42QnLHe9JnXgI37Q5gSwinwaPsG3Ry56UYiLoL8mCUa74S51y02VsIgVmmGWgaXjM-i_lCiKQDBiBnvWlka4XhVuvd6ZWibM9cbCPtPg",
        RSA_N,
    ),
    (
        262,
        "eyJhbGciOiJSUzI1NiIsImtpZCI6IlJTMjU2XzIwNDgifQ.VGVzdA.iYrSRSKuJ3UD3UnYswX6GSU9AjEEN0AB0ObJiiCY8A40tYGorEAycbg97V8_I8F_rouOdju2VMSisIzIUA4Grfc4xXcuc_AOrwrHAg-pOKU8v_I3b65RjJCAdodTs0OVYarKXcpwu9vFLsfCY23Pj-L621axMr5hwlIoDp_xJNdBAHFcym_4QU738h0bR8Gn9Ycb9SUggm7QILOvjrx7VxdUT3iV9DAO0R76mCaooX-Kdw1P5UUFGTcdzDRwU3Gl76EOCXqaTKRAFpOAmr9CNgmGHjiuZEgrwDdWRFoFS6fnOzHhCZdweqM1S75b_uJI2U1DQB_kNu1EnNE8Xzy6wA",
        N_256,
    ),
    (
        267,
        "eyJhbGciOiJSUzM4NCIsImtpZCI6IlJTMzg0XzIwNDgifQ.4OHi4-Tl5ufo6err7O3u7_Dx8vP09fb3-Pn6-_z9_v8.zSKuuZ5iJp7YK7ZW3MNuwmWhvmDfik86V1VjlT9ieuwGpwLDGnnchuXFa1_NZLRlim4uQVmU7UF2RGPBFY1nxgmpS26AORczcwRM7GoqNb4YhA6rcYAKEY1TXX3NjJbzEHsOnsTcWPPm1Y4EJYToNPobBqJ10GAkJMd94wpGn7DPAI_nWVImVPpZvSRBgv07wYnsC3GzD74Di0TiR91SWPFAuTwRJErToiVYykQZV5EhQ_AONksuetq-G5hKQJ_C6sbkt9XVL6hdHczmKSB1jn-_T9Ox8e-6ClMY0XRxL9EvSRafn1BaOjiPYmUnvBLi3y0dZsWy5wxA_jLqEh7lww",
        N_384,
    ),
    (
        271,
        "eyJhbGciOiJSUzUxMiIsImtpZCI6IlJTNTEyXzIwNDgifQ.4OHi4-Tl5ufo6err7O3u7_Dx8vP09fb3-Pn6-_z9_v8.b9G2bMQiO8XXCh8jFrPfcFFpfKJB_FdM-ZWJDaVQUEkeNIEMxWh2XC5UhrEwRNZUavDyPlU82bzSIzBHIO9NKlTdkLX9CZkNnt3UTNCQNogV-RbD2BRTJg4nlG_Qty5ZRCW_QPhEsJaGsIu_2ZWfBxdXq9Tq2soiho3kCNt9ouYNONkXFp0YfCF5lRGmfGzPNESLn8EohhBUaiNmfaTDT5QcB_Xwx3im9KAufCpHoV2lCysQvdTo4et1NQP2YYfqoSi5WMDE3WG4AFynd-8bKZ7IHZ0nkT5DyvwS4r88F4IeIDsNd88W-xhe3nsrANh4DZOpGsuChvtWGSmrwXfauw",
        N_512,
    ),
    (
        275,
        "eyJhbGciOiJQUzI1NiIsImtpZCI6IlBTMjU2XzIwNDgifQ.4OHi4-Tl5ufo6err7O3u7_Dx8vP09fb3-Pn6-_z9_v8.ALRJAfvHTz-uhHHrv7AvWCmmpMRXkhmY0WG1sLzYKf8gfnYb_wRlNIhwkwotUp3obhDPxPAm4DrDOdEMskuZeJo1nuefLya7Cgj8vaLEBVQEXwOu6x9TdUI0_PkVhEqsDkcKUvyNzx88fVbI19GSxDngl62vuXouJRu8sbUcspdZ043K43Z2LEZBlLjtygeor12g0G_oZO9zD4DWW7lk5BlwzdVhKy_1tBbMYxm-ULffWANmZM7vq7_FFprR-ZOswXlOTbR-KD1DxGNcu5ou6TG8uWiHh4owiagURyEzSLF8T1-JIKgsWL0-X5Ul74MEQrvofrl2BEz_Z78JkW1l1w",
        N_256,
    ),
    (
        323,
        "eyJhbGciOiJQUzM4NCIsImtpZCI6IlBTMzg0XzIwNDgifQ.4OHi4-Tl5ufo6err7O3u7_Dx8vP09fb3-Pn6-_z9_v8.WogI6hwIbheHqWCcKXm5ZM1yIEwKUw5_e0XUScTWEzkE5A5jnRKxQJjIAe4AoP_pmNNVSfdowCAGt5mdyc7YIZ8aVrhxmR5Qfsh_KEuGj0I0oL7WnVS0OZxCn-DKFGhBkuYxcaQ4_3Tp7Ifn5T34M-NaMwNuB_hNwDHqjOtdxmw7fhPr_W8t0sggDzDqWjCUtW5PIf_UgEJF6j2fEhlOmCSOX2AHk03yQvz2-XeU24qYtVtszV17WAIbgDOqsZKKGemIXP-oHpsilRhjQ5r5reCUqwiK7AIBNkTBssuCONrBd7Qd4IcpxkJWEfN1pCNiY8FliRe_qv9l7mmmFa1fgA",
        N_384,
    ),
    (
        328,
        "eyJhbGciOiJQUzUxMiIsImtpZCI6IlBTNTEyXzIwNDgifQ.4OHi4-Tl5ufo6err7O3u7_Dx8vP09fb3-Pn6-_z9_v8.ObZ-CYTj-axV13Z_Q7O-eQq2K0OhqSxtJO1i3W6FPwOXQGyNXYDMTXo9TWv6L93Gqlipq-hteSrbvQqJlg5B7FsRNwwsxK-6We6fP1jYdab37u7N-oJDAxiUuAEYxv0Yhudi5QM1A-UkW6eqfM256MGx7Z9KwerdQrLwYDTavGHEaVesxHrbxd3OO0WTDV0Qs1-obxq1WO4FaFZ7aXCy-WmN01DkhBDO9AsGLhzeYrt9dakjMGVUPyQ_57VoAQ7m3-jItdrLku5gf3WJlKc3wu3gV96bt_g285asXDcdMKHXIUjQpCeNEMEJDRLzykEM9Uk5xVMLO8_AuI-IuY0qWg",
        N_512,
    ),
    (341, "eyJhbGciOiJub25lIn0.MTIzNDAw.", N_512),
    (342, "eyJhbGciOiJOT05FIn0.MTIzNDAw.", N_512),
    (343, "eyJhbGciOiJub25lIiwia2lkIjoibm9uZSJ9.MTIzNDAw.", N_512),
    (
        344,
        "eyJhbGciOiJub25lIiwia2lkIjoiUFM1MTJfMjA0OCJ9.MTIzNDAw.",
        N_512,
    ),
    (345, FIG13, N_7520),
    (346, FIG20, N_7520),
    (347, FIG27, X_7520),
    (349, FIG13, N_7520),
    (350, FIG20, N_7520),
    (351, FIG27, X_7520),
    (353, RS_33, RSA_N),
    (354, ES_18, EC_X),
    (355, RS_33, RSA_N),
    (356, ES_18, EC_X),
    (
        378,
        "eyJhbGciOiJFUzI1NiIsImtpZCI6ImtpZC1lYy1zaWduIn0.Zm9v.5cA0OHyMP7ezamUd5c9kV-FrGxdx4hbGXOdplQkutrppUShFwBW_Qj7IqhFOtNrIXLLKXS5CSZmERxmnjeyoiQ",
        EC_X,
    ),
];
