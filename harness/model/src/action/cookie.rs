//! Cookies: which tokens are sent, how each was altered, and how they are laid out in the header.

use serde::{Deserialize, Serialize};

/// All cookies of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CookieJar {
    /// The cookies in their order.
    pub cookies: Vec<Cookie>,
    /// Each in a `Cookie` field of its own; in HTTP/2 that is the usual form.
    pub split: bool,
    /// No space after the semicolons.
    pub tight: bool,
}

impl CookieJar {
    /// No cookies.
    #[must_use]
    pub const fn empty() -> Self {
        Self { cookies: Vec::new(), split: false, tight: false }
    }

    /// One valid session of a member.
    #[must_use]
    pub fn valid(member: u8) -> Self {
        Self::one(Cookie::session(Token::valid(member)))
    }

    /// These cookies in one field.
    #[must_use]
    pub const fn of(cookies: Vec<Cookie>) -> Self {
        Self { cookies, split: false, tight: false }
    }

    /// One cookie.
    #[must_use]
    pub fn one(cookie: Cookie) -> Self {
        Self::of(vec![cookie])
    }
}

/// One cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cookie {
    /// A `vendoAuth` cookie.
    Session {
        /// Its value.
        token: Token,
        /// How name and value are written.
        writing: Writing,
    },
    /// A cookie of the application, `theme{n}=dark{n}`: passed on.
    App(u8),
    /// The dashboard's session cookie with a made-up value: never passed on.
    Dashboard,
    /// `vendoAuth` without `=`.
    BareName,
    /// Thirty of the application's own, so that what follows is far behind: passed on.
    Many,
}

impl Cookie {
    /// A plainly written session cookie.
    #[must_use]
    pub const fn session(token: Token) -> Self {
        Self::Session { token, writing: Writing::Plain }
    }
}

/// How a session cookie is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Writing {
    /// `vendoAuth=token`
    Plain,
    /// With spaces around the name and the value, which a cookie parser trims.
    Spaced,
    /// `"token"`: quotes are part of a value.
    Quoted,
    /// The dots percent-encoded.
    PercentEncoded,
    /// `vendoauth=token`: another cookie's name.
    LowerName,
    /// `VENDOAUTH=token`: another cookie's name.
    UpperName,
    /// `token, vendoAuth=token`: a comma separates no cookies.
    CommaJoined,
    /// `vendoAuth2=token`: another cookie's name, passed on.
    LongerName,
    /// `__Host-vendoAuth=token`: another cookie's name, passed on.
    PrefixedName,
}

impl Writing {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Plain,
        Self::Spaced,
        Self::Quoted,
        Self::PercentEncoded,
        Self::LowerName,
        Self::UpperName,
        Self::CommaJoined,
        Self::LongerName,
        Self::PrefixedName,
    ];

    /// Whether the cookie so written is called `vendoAuth`.
    #[must_use]
    pub const fn is_session_name(self) -> bool {
        match self {
            Self::Plain | Self::Spaced | Self::Quoted | Self::PercentEncoded | Self::CommaJoined => true,
            Self::LowerName | Self::UpperName | Self::LongerName | Self::PrefixedName => false,
        }
    }

    /// Whether the cookie so written is passed on to the container.
    #[must_use]
    pub const fn passes(self) -> bool {
        match self {
            Self::LongerName | Self::PrefixedName => true,
            Self::Plain
            | Self::Spaced
            | Self::Quoted
            | Self::PercentEncoded
            | Self::CommaJoined
            | Self::LowerName
            | Self::UpperName => false,
        }
    }

    /// Whether its value is the token as it was issued.
    #[must_use]
    pub const fn keeps_value(self) -> bool {
        match self {
            Self::Plain | Self::Spaced | Self::LowerName | Self::UpperName | Self::LongerName | Self::PrefixedName => {
                true
            }
            Self::Quoted | Self::PercentEncoded | Self::CommaJoined => false,
        }
    }
}

/// Seconds after the beginning of a case at which a short-lived token expires.
pub const SHORT_LIFE_S: i64 = 45;

/// The value of a session cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Token {
    /// Whose session it claims to be.
    pub member: u8,
    /// What was done to it.
    pub alteration: Alteration,
}

impl Token {
    /// An unaltered one.
    #[must_use]
    pub const fn valid(member: u8) -> Self {
        Self { member, alteration: Alteration::None }
    }
}

macro_rules! alterations {
    ($($(#[doc = $doc:literal])+ $name:ident $valid:literal,)+) => {
        /// What was done to a token. Those that are not `valid` must be no session at all.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Alteration {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Alteration {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Whether the token is a session of its member, `age_s` seconds after the case began.
            #[must_use]
            pub const fn is_valid_at(self, age_s: i64) -> bool {
                match self {
                    Self::ShortLived => age_s < SHORT_LIFE_S,
                    _ => self.is_valid(),
                }
            }

            /// Whether the token is a session of its member for as long as it was meant to be.
            #[must_use]
            pub const fn is_valid(self) -> bool {
                match self { $(Self::$name => $valid,)+ }
            }
        }
    };
}

alterations! {
    /// Nothing: as the platform issues it.
    None true,
    /// Signed with the older of the platform's two keys.
    SecondKey true,
    /// With `typ` left out.
    NoType true,
    /// With a claim nobody defined.
    ExtraClaim true,
    /// Expires one second from now.
    ExpiresNext true,
    /// Expires [`SHORT_LIFE_S`] seconds after the case began, always the same bytes: good before, nothing after.
    ShortLived true,
    /// `alg: none`, empty signature.
    AlgNone false,
    /// `alg: None`, empty signature.
    AlgNoneCapital false,
    /// `alg: none`, the old signature kept.
    AlgNoneSigned false,
    /// `alg: HS384`, signed with HS256.
    AlgHs384 false,
    /// `alg: HS512`, signed with HS256.
    AlgHs512 false,
    /// `alg: RS256`, signed with HS256.
    AlgRs256 false,
    /// `alg: hs256`, signed with HS256.
    AlgLower false,
    /// No `alg`.
    AlgMissing false,
    /// `alg: NONE`, empty signature.
    AlgNoneUpper false,
    /// An empty `alg`, empty signature.
    AlgEmpty false,
    /// `alg` is null, empty signature.
    AlgNull false,
    /// `kid` is a number.
    KidNumber false,
    /// `kid` is a path to a file of known content, signed with that content.
    KidPath false,
    /// Signed with the first key's `kid` for a secret.
    SecretIsKid false,
    /// A `kid` the platform doesn't know, signed with its first key.
    KidUnknown false,
    /// A `kid` the platform doesn't know, signed with that key.
    KidForeign false,
    /// No `kid`, signed with the first key.
    KidMissing false,
    /// An empty `kid`, signed with the first key.
    KidEmpty false,
    /// The second key's `kid`, signed with the first.
    KidSwapped false,
    /// The first key's `kid`, signed with a secret the platform doesn't know.
    WrongSecret false,
    /// Signed with an empty secret.
    EmptySecret false,
    /// Expired long ago.
    Expired false,
    /// Expired a second ago.
    ExpiredJust false,
    /// Expires this very second.
    ExpiresNow false,
    /// No `exp`.
    ExpMissing false,
    /// `exp` is a string.
    ExpString false,
    /// `exp` is a fraction.
    ExpFloat false,
    /// `exp` is negative.
    ExpNegative false,
    /// `exp` is null.
    ExpNull false,
    /// `exp` is beyond 64 bits.
    ExpOverflow false,
    /// No `iat`.
    IatMissing false,
    /// `iat` is a string.
    IatString false,
    /// Issued for the dashboard.
    AudOther false,
    /// No `aud`.
    AudMissing false,
    /// `aud` is a list that holds the right one.
    AudArray false,
    /// The right audience with a suffix.
    AudSuffix false,
    /// The right audience in upper case.
    AudUpper false,
    /// An empty `aud`.
    AudEmpty false,
    /// No `tenant_id`.
    TenantMissing false,
    /// An empty `tenant_id`.
    TenantEmpty false,
    /// `tenant_id` is null.
    TenantNull false,
    /// `tenant_id` is a number.
    TenantNumber false,
    /// `tenant_id` is a list with every tenant's.
    TenantArray false,
    /// No `sub`.
    SubMissing false,
    /// An empty `sub`.
    SubEmpty false,
    /// `sub` is a number.
    SubNumber false,
    /// No `email`.
    EmailMissing false,
    /// No `name`.
    NameMissing false,
    /// No `role`.
    RoleMissing false,
    /// A role nobody defined.
    RoleUnknown false,
    /// `Owner` instead of `owner`.
    RoleCapital false,
    /// `tenant_id` twice, the next tenant's last.
    DuplicateTenant false,
    /// `exp` twice.
    DuplicateExp false,
    /// `alg` twice.
    DuplicateAlg false,
    /// `aud` twice.
    DuplicateAud false,
    /// `tenant_id` twice, the second spelled with an escape.
    DuplicateEscaped false,
    /// `kid` twice.
    DuplicateKid false,
    /// A `crit` header.
    HeaderCrit false,
    /// A `jwk` header with a key of the sender's.
    HeaderJwk false,
    /// A `jku` header.
    HeaderJku false,
    /// An `x5c` header.
    HeaderX5c false,
    /// `b64: false` in the header.
    HeaderB64 false,
    /// A header member nobody defined.
    HeaderUnknown false,
    /// The header isn't JSON.
    HeaderNotJson false,
    /// The header is a JSON list.
    HeaderList false,
    /// `typ` is something else.
    TypeOther false,
    /// One bit of the signature flipped.
    SignatureFlipped false,
    /// The last bit of the signature flipped.
    SignatureLastFlipped false,
    /// The first half of the signature, and zeros.
    SignatureHalf false,
    /// No signature.
    SignatureEmpty false,
    /// The signature cut short by one character.
    SignatureTruncated false,
    /// One character after the signature.
    SignatureExtended false,
    /// The signature of another member's token.
    SignatureOfOther false,
    /// 32 zero bytes for a signature.
    SignatureZero false,
    /// The dot between header and payload moved by four characters.
    BoundaryMoved false,
    /// The next tenant's id under the old signature.
    PayloadTenantSwapped false,
    /// `role: owner` under the signature of a viewer's claims.
    PayloadRoleRaised false,
    /// A later `exp` under the old signature.
    PayloadExpExtended false,
    /// The payload written anew with other white space, under the old signature.
    PayloadRespaced false,
    /// The header written anew with other white space, under the old signature.
    HeaderRespaced false,
    /// With padding.
    Padded false,
    /// The last character spelled so that only its unused bits differ.
    TrailingBits false,
    /// A character that base64 doesn't know inside the payload.
    ForeignCharacter false,
    /// A space inside the payload.
    SpaceInside false,
    /// The standard alphabet's `+` and `/` for `-` and `_`, where the text holds one.
    StandardAlphabet false,
    /// Two dots and nothing else.
    EmptySegments false,
    /// Two segments.
    TwoSegments false,
    /// Four segments.
    FourSegments false,
    /// The JSON serialisation instead of the compact one.
    JsonSerialisation false,
    /// Longer than any session.
    OverLong false,
    /// Nothing.
    Empty false,
    /// The payload isn't JSON.
    NotJson false,
    /// The payload is a JSON list.
    JsonList false,
    /// A byte outside ASCII.
    NonAscii false,
    /// The payload isn't UTF-8.
    NotUtf8 false,
    /// Bytes after the payload's JSON.
    TrailingBytes false,
    /// An identity token's claims, signed with the cookie key.
    IdentityToken false,
    /// An app key instead of a token.
    AppKey false,
    /// A dashboard session's value instead of a token.
    DashboardSession false,
    /// A sign-in code instead of a token.
    SignInCode false,
}
