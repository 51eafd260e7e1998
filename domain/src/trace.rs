//! Which trace something belongs to, as [W3C Trace Context](https://www.w3.org/TR/trace-context-1/)
//! (level 1) has it in `traceparent`.

use std::fmt::{self, Display, Formatter};
use std::num::{NonZeroU64, NonZeroU128};

/// Characters of a `traceparent` of version 00, which those of later versions begin with.
const LENGTH: usize = 55;
/// The only flag of version 00: whoever is above may have kept the trace.
const SAMPLED: u8 = 1;

/// The identity of a trace: 32 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(NonZeroU128);

impl TraceId {
    /// The trace with this number.
    #[must_use]
    pub const fn new(number: NonZeroU128) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u128 {
        self.0.get()
    }
}

impl Display for TraceId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The identity of a span in its trace: 16 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(NonZeroU64);

impl SpanId {
    /// The span with this number.
    #[must_use]
    pub const fn new(number: NonZeroU64) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0.get()
    }
}

impl Display for SpanId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A span that others may be children of, in its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// The trace.
    pub trace: TraceId,
    /// The span in it; `parent-id` in the recommendation's words.
    pub span: SpanId,
    /// Whether the trace is kept by whoever decided that.
    pub is_sampled: bool,
}

impl TraceContext {
    /// Reads a `traceparent` strictly; one that cannot be read is none, and whoever sent it is not told
    /// (section 3.2.2.3 of the recommendation). Later versions are read by what they have in common
    /// with version 00, as section 4.3 says.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (known, more) = text.as_bytes().split_at_checked(LENGTH)?;
        let [version, trace, span, flags] = fields(known)?;
        // Nothing follows version 00; what follows in later ones begins with a dash.
        match (version, more.first()) {
            (0xff, _) => return None,
            (_, None) | (1.., Some(b'-')) => {}
            _ => return None,
        }
        Some(Self {
            trace: TraceId(NonZeroU128::new(trace)?),
            span: SpanId(NonZeroU64::new(u64::try_from(span).ok()?)?),
            is_sampled: flags & u128::from(SAMPLED) != 0,
        })
    }

    /// A span below this one.
    #[must_use]
    pub const fn child(self, span: SpanId) -> Self {
        Self { span, ..self }
    }
}

/// The numbers of version, trace, span and flags.
fn fields(text: &[u8]) -> Option<[u128; 4]> {
    let dashes = [2, 35, 52];
    if dashes.iter().any(|at| text.get(*at) != Some(&b'-')) {
        return None;
    }
    Some([
        number(text.get(..2)?)?,
        number(text.get(3..35)?)?,
        number(text.get(36..52)?)?,
        number(text.get(53..LENGTH)?)?,
    ])
}

/// A number in lower-case hexadecimal digits, nothing else.
fn number(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number: u128, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(digit))
    })
}

impl Display for TraceContext {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (trace, span, flags) = (self.trace, self.span, u8::from(self.is_sampled));
        write!(f, "00-{trace}-{span}-{flags:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The recommendation's own example.
    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn reads_and_writes_the_example_of_the_recommendation() {
        let context = TraceContext::parse(GOOD).unwrap();
        assert_eq!(context.to_string(), GOOD);
        assert_eq!(context.trace.to_string(), GOOD[3..35]);
        assert_eq!(context.span.to_string(), GOOD[36..52]);
        assert!(context.is_sampled);
        let unsampled = GOOD.replace("-01", "-00");
        let context = TraceContext::parse(&unsampled).unwrap();
        assert!(!context.is_sampled);
        assert_eq!(context.to_string(), unsampled);
        // Flags that are not known are not passed on.
        let context = TraceContext::parse(&GOOD.replace("-01", "-ff")).unwrap();
        assert_eq!(context.to_string(), GOOD);
        let low = "00-00000000000000000000000000000001-0000000000000001-02";
        let context = TraceContext::parse(low).unwrap();
        assert!(!context.is_sampled);
        assert_eq!(context.to_string(), low.replace("-02", "-00"));
    }

    #[test]
    fn a_child_is_of_the_same_trace() {
        let parent = TraceContext::parse(GOOD).unwrap();
        let span = SpanId::new(NonZeroU64::MAX);
        let child = parent.child(span);
        assert_eq!((child.trace, child.is_sampled), (parent.trace, true));
        assert_eq!(
            child.to_string(),
            GOOD.replace("b7ad6b7169203331", "ffffffffffffffff")
        );
    }

    #[test]
    fn later_versions_are_read_by_what_is_known_of_them() {
        let context = TraceContext::parse(GOOD).unwrap();
        for (version, more) in [
            ("01", ""),
            ("01", "-"),
            ("cc", "-what-the-future-will-be-like"),
            ("fe", "-Ü"),
        ] {
            let text = format!("{version}{}{more}", &GOOD[2..]);
            assert_eq!(TraceContext::parse(&text), Some(context), "{text}");
        }
        let huge = format!("01{}-{}", &GOOD[2..], "x".repeat(1 << 20));
        assert_eq!(TraceContext::parse(&huge), Some(context));
        for more in ["x", "x-", ".-", "0"] {
            let text = format!("01{}{more}", &GOOD[2..]);
            assert_eq!(TraceContext::parse(&text), None, "{text}");
        }
    }

    #[test]
    fn what_is_malformed_is_none() {
        let none = [
            String::new(),
            "00".to_owned(),
            GOOD[..54].to_owned(),
            format!("{GOOD}-"),
            format!("{GOOD}-01"),
            format!(" {GOOD}"),
            format!("{GOOD} "),
            format!("{GOOD},{GOOD}"),
            "0".repeat(1 << 20),
            GOOD.to_uppercase(),
            GOOD.replacen("00", "ff", 1),
            GOOD.replacen("00", "0x", 1),
            GOOD.replacen("00", "0G", 1),
            GOOD.replace("b7ad6b7169203331", "0000000000000000"),
            GOOD.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            GOOD.replace("b7ad6b7169203331", "+7ad6b7169203331"),
            GOOD.replace("b7ad6b7169203331", "b7ad6b716920333G"),
            GOOD.replace("-01", "-0X"),
            GOOD.replace("-01", "_01"),
            GOOD.replace("-b7", "_b7"),
            // The 55th byte is within a character.
            format!("{}ä", &GOOD[..54]),
            GOOD.replace("b7ad6b7169203331", "b7ad6b71692033ä"),
        ];
        for text in none {
            assert_eq!(TraceContext::parse(&text), None, "{text:.80}");
        }
    }
}
