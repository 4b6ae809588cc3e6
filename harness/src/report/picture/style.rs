//! The look of a timeline in SVG.
//! Lives here: colours and dashes by class, in light and dark.
//! May not live here: what is drawn.

/// Rules of all pictures below `.tl`, in light. A page has them once; a file by itself carries them. The curves are told apart by
/// hue, by dashes and by their labels; the hues are those of Okabe and Ito, darkened until text in them is legible
/// (4.5 to 1 or more against white).
pub const TIMELINE_LIGHT: &str = "\
.tl{font:11px system-ui,sans-serif;fill:none;stroke-width:1.5;stroke-linejoin:round;stroke-linecap:butt}\
.tl text{fill:#333;stroke:none}\
.tl .q{fill:#666}\
.tl .e{text-anchor:end}.tl .c{text-anchor:middle}\
.tl .g{stroke:#ddd;stroke-width:1}\
.tl .b{fill:#777;fill-opacity:.13;stroke:none}\
.tl .l1{stroke:#0072b2}.tl .t1{fill:#0067a0}\
.tl .l2{stroke:#009e73;stroke-dasharray:6 2}.tl .t2{fill:#00704f}\
.tl .l3{stroke:#d55e00;stroke-dasharray:2 1.5}.tl .t3{fill:#b04a00}\
.tl .l4{stroke:#b3508f;stroke-dasharray:8 2 2 2}.tl .t4{fill:#9c3d78}\
.tl .l5{stroke:#555}.tl .t5{fill:#333}\
.tl .k{stroke:#b00020;stroke-width:9}.tl .kh{stroke:#b00020;stroke-width:1;stroke-opacity:.35}\
.tl .s{stroke:#777;stroke-width:7}\
.tl .f{stroke:#c79400;stroke-width:3}\
.tl .m{stroke:#333;stroke-width:7}";

/// The same in the dark, to stand behind [`TIMELINE_LIGHT`].
pub const TIMELINE_DARK: &str = "\
.tl text{fill:#ddd}\
.tl .q{fill:#a0a4aa}\
.tl .g{stroke:#3a3d42}\
.tl .b{fill:#aaa;fill-opacity:.15}\
.tl .l1{stroke:#56b4e9}.tl .t1{fill:#56b4e9}\
.tl .l2{stroke:#2fc79a}.tl .t2{fill:#2fc79a}\
.tl .l3{stroke:#ff8c3b}.tl .t3{fill:#ff9a52}\
.tl .l4{stroke:#dd8fbd}.tl .t4{fill:#e39bc5}\
.tl .l5{stroke:#bbb}.tl .t5{fill:#ddd}\
.tl .k{stroke:#ff5c6c}.tl .kh{stroke:#ff5c6c}\
.tl .s{stroke:#999}\
.tl .f{stroke:#f0c64a}\
.tl .m{stroke:#ddd}";

/// The ground of a picture that is a file by itself, light and dark.
pub(super) const GROUND: [&str; 2] = [".tl .w{fill:#fff;stroke:none}", ".tl .w{fill:#16181c}"];
