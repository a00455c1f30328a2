//! Extracts the paths, declared modules and bound names of a source file. It works on tokens: a syntax tree would not
//! cover attributes, derive lists and macro bodies, and a text search would match comments and string literals.

use std::{collections::BTreeSet, slice, str::FromStr};

use proc_macro2::{Delimiter, LexError, Spacing, TokenStream, TokenTree};

/// A path with `super::` and `self::` resolved against its module.
#[derive(Debug)]
pub(crate) struct Path {
    pub(crate) line: usize,
    pub(crate) text: String,
    /// Whether the path is an import, which makes everything below it accessible.
    pub(crate) is_import: bool,
    pub(crate) in_test: bool,
}

/// The contents of a file. `bypasses` lists each `include!` and each `super::super::`, with the reason against it.
#[derive(Debug, Default)]
pub(crate) struct Source {
    pub(crate) paths: Vec<Path>,
    /// Declared modules and names bound by `use`, with line and path. The path of a module is `mod`.
    pub(crate) names: Vec<(usize, String, String)>,
    /// Identifiers outside `cfg(test)`.
    pub(crate) words: Vec<(usize, String)>,
    pub(crate) bypasses: Vec<(usize, &'static str)>,
    /// The arguments of `#[path]` attributes.
    pub(crate) path_attributes: Vec<(usize, String)>,
    pub(crate) test_modules: BTreeSet<String>,
}

/// Scans a file. `module` is its module path below `crate`; `in_test` means that the whole file is under `cfg(test)`.
pub(crate) fn scan(text: &str, module: &[String], in_test: bool) -> Result<Source, LexError> {
    let tokens = lex(TokenStream::from_str(text)?);
    let mut source = Source::default();
    source.walk(&tokens, Place { module, in_test });
    Ok(source)
}

/// A Rust token with its line. `::` is one token, and `r#x` is the same word as `x`.
type Token = (usize, Kind);

#[derive(Debug)]
enum Kind {
    Word(String),
    Colons,
    /// `->` and `=>`. Their `>` does not close an angle bracket.
    Arrow,
    Mark(char),
    Group(Delimiter, Vec<Token>),
    Literal(String),
}
use Kind::{Colons, Group, Mark, Word};

fn lex(stream: TokenStream) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut joint = None;
    for tree in stream {
        let line = tree.span().start().line;
        let before = joint.take();
        let kind = match tree {
            TokenTree::Ident(word) => Word(word.to_string().trim_start_matches("r#").to_owned()),
            TokenTree::Literal(literal) => Kind::Literal(literal.to_string()),
            TokenTree::Group(group) => Group(group.delimiter(), lex(group.stream())),
            TokenTree::Punct(mark) => {
                let pair = match (before, mark.as_char()) {
                    (Some(':'), ':') => Some(Colons),
                    (Some('-' | '='), '>') => Some(Kind::Arrow),
                    _ => None,
                };
                if pair.is_some() {
                    tokens.pop();
                } else if mark.spacing() == Spacing::Joint {
                    joint = Some(mark.as_char());
                }
                pair.unwrap_or(Mark(mark.as_char()))
            }
        };
        tokens.push((line, kind));
    }
    tokens
}

/// Words after which `::` starts a path.
const KEYWORDS: &[&str] =
    &["as", "break", "const", "dyn", "for", "if", "impl", "in", "match", "mut", "pub", "return", "where", "while"];

/// The module of a token, and whether the token is under `cfg(test)`.
#[derive(Clone, Copy)]
struct Place<'m> {
    module: &'m [String],
    in_test: bool,
}

impl Place<'_> {
    fn under_test(self) -> Self {
        Place { in_test: true, ..self }
    }
}

impl Source {
    fn walk(&mut self, mut tokens: &[Token], mut place: Place<'_>) {
        loop {
            tokens = match tokens {
                [] => return,
                // `#![cfg(test)]` covers the rest of the file, `#[cfg(test)]` the next item.
                [(_, Mark('#')), (_, Mark('!')), (_, Group(Delimiter::Bracket, attribute)), rest @ ..] => {
                    self.attribute(attribute, place);
                    if is_cfg_test(attribute) {
                        place = place.under_test();
                    }
                    rest
                }
                [(_, Mark('#')), (_, Group(Delimiter::Bracket, attribute)), rest @ ..] => {
                    self.attribute(attribute, place);
                    let test_length = if is_cfg_test(attribute) { item_length(rest) } else { 0 };
                    let (item, rest) = rest.split_at(test_length);
                    self.walk(item, place.under_test());
                    rest
                }
                [(_, Word(word)), rest @ ..] if word == "use" && !is_mark(rest, '<') => self.import(rest, place),
                [(_, Word(first)), (_, Word(second)), rest @ ..] if first == "extern" && second == "crate" => {
                    self.import(rest, place)
                }
                [(_, Word(word)), (line, Word(name)), rest @ ..] if word == "mod" => {
                    self.module(*line, name, rest, place)
                }
                // `$name::x` in a macro and `<T as Trait>::x` continue an expression that is not a path.
                [(_, Mark('$')), (_, Word(word)), rest @ ..] if word != "crate" => self.segments(rest, place).1,
                [(_, Mark('>')), rest @ ..] => self.segments(rest, place).1,
                [(_, Colons), (_, Word(_)), ..] => self.path(tokens, place),
                [(_, Word(word)), rest @ ..] if KEYWORDS.contains(&word.as_str()) => rest,
                [(_, Word(_)), ..] => self.path(tokens, place),
                [(_, Group(_, inner)), rest @ ..] => {
                    self.walk(inner, place);
                    rest
                }
                [_, rest @ ..] => rest,
            };
        }
    }

    fn attribute(&mut self, attribute: &[Token], place: Place<'_>) {
        match attribute {
            [(_, Word(word)), (_, Group(_, inner))] if word == "cfg_attr" && requires_test(inner) => {
                self.walk(inner, place.under_test());
            }
            [(line, Word(word)), (_, Mark('=')), (_, Kind::Literal(text))] if word == "path" => {
                self.path_attributes.push((*line, text.trim_matches('"').to_owned()));
            }
            _ => self.walk(attribute, place),
        }
    }

    fn module<'t>(&mut self, line: usize, name: &str, rest: &'t [Token], place: Place<'_>) -> &'t [Token] {
        let module = [place.module, &[name.to_owned()]].concat();
        self.names.push((line, name.to_owned(), "mod".to_owned()));
        if place.in_test {
            self.test_modules.insert(module.join("::"));
        }
        match rest {
            [(_, Group(Delimiter::Brace, body)), rest @ ..] => {
                self.walk(body, Place { module: &module, ..place });
                rest
            }
            _ => rest,
        }
    }

    /// Records a path. An identifier without `::` is not a path.
    fn path<'t>(&mut self, tokens: &'t [Token], place: Place<'_>) -> &'t [Token] {
        let (leading, tokens) = if let [(_, Colons), rest @ ..] = tokens { (true, rest) } else { (false, tokens) };
        let [(line, Word(first)), rest @ ..] = tokens else { return tokens };
        self.word(*line, first, place);
        let (more, rest) = self.segments(rest, place);
        if first == "include" && is_mark(rest, '!') {
            self.bypasses.push((*line, "`include!` puts a file into another layer"));
        }
        let opens_a_tree = matches!(rest, [(_, Colons), (_, Group(..) | Mark('*')), ..]);
        if leading || !more.is_empty() || opens_a_tree {
            self.record(*line, &[slice::from_ref(first), more.as_slice()].concat(), false, place);
        }
        rest
    }

    /// Splits off the leading segments `::a::b`. Returns them and the remaining tokens.
    fn segments<'t>(&mut self, mut tokens: &'t [Token], place: Place<'_>) -> (Vec<String>, &'t [Token]) {
        let mut found = Vec::new();
        while let [(_, Colons), (line, Word(word)), rest @ ..] = tokens {
            self.word(*line, word, place);
            found.push(word.clone());
            tokens = rest;
        }
        (found, tokens)
    }

    fn import<'t>(&mut self, tokens: &'t [Token], place: Place<'_>) -> &'t [Token] {
        let end = tokens.iter().position(|(_, kind)| matches!(kind, Mark(';'))).unwrap_or(tokens.len());
        let (tree, rest) = tokens.split_at(end);
        self.use_tree(tree, &[], place);
        rest
    }

    /// Records a path for each leaf of the tree.
    fn use_tree(&mut self, tree: &[Token], prefix: &[String], place: Place<'_>) {
        for branch in tree.split(|(_, kind)| matches!(kind, Mark(','))).filter(|branch| !branch.is_empty()) {
            let (mut path, mut line, mut bound) = (prefix.to_vec(), 0, None);
            let mut tokens = branch;
            while let [(at, kind), rest @ ..] = tokens {
                (line, tokens) = (*at, rest);
                match (kind, rest) {
                    (Word(word), [(_, Word(name))]) if word == "as" => (bound, tokens) = (Some(name.clone()), &[]),
                    (Word(word), _) if word == "self" && !path.is_empty() => {}
                    (Word(word), _) => {
                        self.word(line, word, place);
                        path.push(word.clone());
                    }
                    (Mark('*'), _) => path.push("*".to_owned()),
                    (Group(_, inner), _) => {
                        self.use_tree(inner, &path, place);
                        path.clear();
                    }
                    _ => {}
                }
            }
            if let Some(last) = path.last() {
                self.names.push((line, bound.unwrap_or_else(|| last.clone()), path.join("::")));
                self.record(line, &path, true, place);
            }
        }
    }

    fn word(&mut self, line: usize, word: &str, place: Place<'_>) {
        if !place.in_test {
            self.words.push((line, word.to_owned()));
        }
    }

    fn record(&mut self, line: usize, path: &[String], is_import: bool, place: Place<'_>) {
        if path.iter().filter(|segment| *segment == "super").count() > 1 {
            self.bypasses.push((line, "`super::super::` hides which layer is meant: write the path from `crate::`"));
        }
        let text = absolute(path, place.module).join("::");
        self.paths.push(Path { line, text, is_import, in_test: place.in_test });
    }
}

/// Resolves `super::x` and `self::x` in `module`; returns other paths unchanged.
fn absolute(path: &[String], module: &[String]) -> Vec<String> {
    let from_here = path.iter().take_while(|segment| matches!(segment.as_str(), "self" | "super")).count();
    if from_here == 0 {
        return path.to_vec();
    }
    let up = path.iter().take(from_here).filter(|segment| *segment == "super").count();
    let kept = module.len().saturating_sub(up);
    ["crate".to_owned()].iter().chain(module.iter().take(kept)).chain(path.iter().skip(from_here)).cloned().collect()
}

/// Returns the length of the first item, which ends with `;`, a brace group, or the comma of a field or variant.
fn item_length(tokens: &[Token]) -> usize {
    let (mut angles, mut after_colons) = (0_usize, false);
    for (index, token) in tokens.iter().enumerate() {
        match token.1 {
            Mark(';') => return index + 1,
            Mark(',') if angles == 0 => return index + 1,
            Group(Delimiter::Brace, _) if !after_colons => return index + 1,
            Mark('<') => angles += 1,
            Mark('>') => angles = angles.saturating_sub(1),
            Word(_) | Colons | Kind::Arrow | Mark(_) | Group(..) | Kind::Literal(_) => {}
        }
        after_colons = matches!(token.1, Colons);
    }
    tokens.len()
}

fn is_cfg_test(attribute: &[Token]) -> bool {
    matches!(attribute, [(_, Word(cfg)), (_, Group(_, inner))] if cfg == "cfg" && requires_test(inner))
}

/// Returns whether the condition is `test` or an `all(..)` with `test`. `any(test, ..)` does not require `test`.
fn requires_test(condition: &[Token]) -> bool {
    match condition {
        [(_, Word(word))] | [(_, Word(word)), (_, Mark(',')), ..] => word == "test",
        [(_, Word(word)), (_, Group(_, all)), ..] if word == "all" => {
            all.split(|(_, kind)| matches!(kind, Mark(','))).any(requires_test)
        }
        _ => false,
    }
}

fn is_mark(tokens: &[Token], mark: char) -> bool {
    matches!(tokens, [(_, Mark(found)), ..] if *found == mark)
}
