//! The compile lines that kbuild records in `.NAME.o.cmd`.
//! Lives here: reading one, and making one of it that compiles for types (pure).
//! May not live here: running it.
//!
//! Source: scripts/Kbuild.include (`cmd_and_savecmd`, `make-cmd`): the line is a shell's, written for make.

use std::path::Path;

/// What is added: no warnings, which may be errors; and debug information that every reader has known for long.
const ADDED: [&str; 5] = ["-w", "-g", "-gdwarf-4", "-fno-var-tracking", "-fno-eliminate-unused-debug-types"];
/// Beginnings of what is left out: lists of headers, which kbuild keeps beside the object; what makes errors of warnings; other
/// debug information; link-time optimisation, with which an object has no debug information.
const LEFT_OUT: [&str; 12] = [
    "-Wp,-M",
    "-MD",
    "-MMD",
    "-MP",
    "-Werror",
    "-Wfatal",
    "-gdwarf",
    "-gsplit",
    "-ggdb",
    "-gz",
    "-flto",
    "-fno-fat-lto",
];

/// The words of the recorded compile line; `None` where there is none, or it needs a shell.
pub(super) fn recorded(cmd: &str) -> Option<Vec<String>> {
    let is_recorded = |name: &str| name.starts_with("cmd_") || name.starts_with("savedcmd_");
    let mut lines = cmd.lines().filter_map(|line| line.split_once(" := ")).filter(|(name, _)| is_recorded(name));
    let (_, line) = lines.next()?;
    words(&line.replace("$(pound)", "#").replace("$$", "$"))
}

/// The words of a shell's command up to its end: objtool may follow after a semicolon.
fn words(line: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match (character, quote) {
            ('\'', None) | ('"', None) => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (_, Some(open)) if character == open => quote = None,
            ('\\', None | Some('"')) => word.get_or_insert_default().push(characters.next()?),
            ('$' | '`', None | Some('"')) => return None,
            (';' | '&' | '|', None) => break,
            (' ' | '\t', None) => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    (quote.is_none() && !words.is_empty()).then_some(words)
}

/// The line that compiles the same for types, into `output`.
pub(super) fn for_types(line: &[String], output: &Path) -> Option<Vec<String>> {
    let output = output.to_str()?;
    let mut words = Vec::new();
    let (mut rest, mut has_output) = (line.iter(), false);
    while let Some(word) = rest.next() {
        match word.as_str() {
            "-o" => {
                rest.next()?;
                words.extend(["-o".to_owned(), output.to_owned()]);
                has_output = true;
            }
            "-MF" | "-MT" | "-MQ" => {
                rest.next()?;
            }
            "-g" | "-g0" | "-g1" | "-g2" | "-g3" => {}
            other if LEFT_OUT.iter().any(|left_out| other.starts_with(left_out)) => {}
            _ => words.push(word.clone()),
        }
    }
    words.extend(ADDED.map(str::to_owned));
    (has_output && line.iter().any(|word| word == "-c")).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(cmd: &str) -> Option<String> {
        for_types(&recorded(cmd)?, Path::new("/e/types/x")).map(|words| words.join(" "))
    }

    #[test]
    fn a_line_compiles_to_another_place_and_leaves_no_lists() {
        let cmd = "cmd_mm/vmscan.o := gcc -Wp,-MMD,mm/.vmscan.o.d -Werror=date-time -Wall -g -gdwarf-5 -DA='\"b c\"'   -c -o \
                   mm/vmscan.o /s/mm/vmscan.c   ; ./tools/objtool/objtool --orc  mm/vmscan.o\n\nsource_mm/vmscan.o := x\n";
        let line = "gcc -Wall -DA=\"b c\" -c -o /e/types/x /s/mm/vmscan.c -w -g -gdwarf-4 -fno-var-tracking \
                    -fno-eliminate-unused-debug-types";
        assert_eq!(compiled(cmd).as_deref(), Some(line));
    }

    #[test]
    fn newer_and_older_forms_are_read() {
        let saved = "savedcmd_a.o := ccache gcc -DH='$(pound)' -D\\# -c -o a.o a.c && objtool a.o";
        assert_eq!(recorded(saved).unwrap().join(" "), "ccache gcc -DH=# -D# -c -o a.o a.c");
        assert_eq!(recorded("cmd_a.o := gcc -D'KBUILD_STR(s)=\\#s' -MD -MF d -c -o .tmp_a.o a.c").unwrap().len(), 9);
        assert_eq!(compiled("cmd_a.o := gcc -MD -MF d -c -o .tmp_a.o a.c").unwrap().split(' ').count(), 10);
    }

    #[test]
    fn what_is_no_compile_line_is_refused() {
        for cmd in
            ["", "cmd_a.o := ", "cmd_a.o := ld -r -o a.o b.o", "cmd_a.o := gcc -c $$X -o a", "x := gcc -c -o a.o a.c"]
        {
            assert_eq!(compiled(cmd), None, "{cmd}");
        }
        for cmd in ["cmd_a := gcc -c -o", "cmd_a := gcc 'x -c -o a", "cmd_a := gcc -c -o a \\"] {
            assert_eq!(compiled(cmd), None, "{cmd}");
        }
    }
}
