//! Role: how many rows a validated operation can ask for.
//!
//! A field with a `first` or `last` argument of type `Int` costs its page size times what is below
//! it. The tree is built once per cached document; page sizes from variables are filled in per
//! request. Guarantees: linear in the document's text, because each fragment is priced once.

use std::collections::HashMap;

use apollo_compiler::{
    ExecutableDocument,
    ast::Value as Literal,
    executable::{Field, Operation, Selection, SelectionSet},
};
use async_graphql::{Value, Variables};

use crate::transport::limits::DEFAULT_PAGE_SIZE;

/// A page size as written in the document.
#[derive(Debug)]
enum Page {
    Fixed(u64),
    Variable { name: String, default: u64 },
}

/// A selection set, reduced to what has a price.
#[derive(Debug, Default)]
struct Price {
    /// Empty for a field that is not paged; its price is that of its children.
    pages: Vec<Page>,
    children: Vec<Price>,
    fragments: Vec<usize>,
}

/// The price of one operation, with its fragments.
#[derive(Debug)]
pub(super) struct PageCost {
    root: Price,
    fragments: Vec<Price>,
}

impl PageCost {
    /// The price of an operation, or `None` if nothing in it is paged.
    pub(super) fn build(document: &ExecutableDocument, operation: &Operation) -> Option<Self> {
        let mut builder = Builder {
            document,
            operation,
            indexes: HashMap::new(),
            fragments: Vec::new(),
        };
        let root = builder.selections(&operation.selection_set);
        let paged = root.is_paged() || builder.fragments.iter().any(Price::is_paged);
        paged.then_some(Self {
            root,
            fragments: builder.fragments,
        })
    }

    /// Rows that the operation can return with these variables; saturates.
    pub(super) fn nodes(&self, variables: &Variables) -> u64 {
        let mut known = vec![None; self.fragments.len()];
        self.nodes_of(&self.root, variables, &mut known)
    }

    fn nodes_of(&self, price: &Price, variables: &Variables, known: &mut [Option<u64>]) -> u64 {
        let mut below = 0_u64;
        for child in &price.children {
            below = below.saturating_add(self.nodes_of(child, variables, known));
        }
        for &index in &price.fragments {
            let nodes = known.get(index).copied().flatten().unwrap_or_else(|| {
                let nodes = self
                    .fragments
                    .get(index)
                    .map_or(0, |fragment| self.nodes_of(fragment, variables, known));
                if let Some(slot) = known.get_mut(index) {
                    *slot = Some(nodes);
                }
                nodes
            });
            below = below.saturating_add(nodes);
        }
        match price.pages.iter().map(|page| page.size(variables)).max() {
            Some(size) => size.saturating_mul(below.max(1)),
            None => below,
        }
    }
}

impl Page {
    fn size(&self, variables: &Variables) -> u64 {
        match self {
            Self::Fixed(size) => *size,
            Self::Variable { name, default } => match variables.get(name.as_str()) {
                // A negative page size is refused by the resolver and returns no rows.
                Some(Value::Number(number)) => number.as_u64().unwrap_or(0),
                _ => *default,
            },
        }
    }
}

impl Price {
    fn is_paged(&self) -> bool {
        !self.pages.is_empty() || self.children.iter().any(Self::is_paged)
    }

    fn is_free(&self) -> bool {
        self.pages.is_empty() && self.children.is_empty() && self.fragments.is_empty()
    }
}

struct Builder<'a> {
    document: &'a ExecutableDocument,
    operation: &'a Operation,
    indexes: HashMap<&'a str, usize>,
    fragments: Vec<Price>,
}

impl<'a> Builder<'a> {
    fn selections(&mut self, set: &'a SelectionSet) -> Price {
        let mut price = Price::default();
        for selection in &set.selections {
            match selection {
                Selection::Field(field) => {
                    let mut child = self.selections(&field.selection_set);
                    child.pages = self.pages(field);
                    if !child.is_free() {
                        price.children.push(child);
                    }
                }
                Selection::InlineFragment(fragment) => {
                    let child = self.selections(&fragment.selection_set);
                    if !child.is_free() {
                        price.children.push(child);
                    }
                }
                Selection::FragmentSpread(spread) => {
                    price.fragments.extend(self.fragment(&spread.fragment_name));
                }
            }
        }
        price
    }

    fn fragment(&mut self, name: &'a str) -> Option<usize> {
        if let Some(&index) = self.indexes.get(name) {
            return Some(index);
        }
        let fragment = self.document.fragments.get(name)?;
        let price = self.selections(&fragment.selection_set);
        let index = self.fragments.len();
        self.fragments.push(price);
        self.indexes.insert(name, index);
        Some(index)
    }

    /// The page sizes of a field; the larger one counts when both directions are given.
    fn pages(&self, field: &Field) -> Vec<Page> {
        let mut pages = Vec::new();
        let mut default = None;
        for name in ["first", "last"] {
            let Some(definition) = field.definition.argument_by_name(name) else {
                continue;
            };
            if definition.ty.inner_named_type() != "Int" || definition.ty.is_list() {
                continue;
            }
            let of_schema = definition.default_value.as_deref().and_then(literal);
            default = default.max(Some(of_schema.unwrap_or(DEFAULT_PAGE_SIZE)));
            match field.specified_argument_by_name(name).map(AsRef::as_ref) {
                Some(Literal::Variable(variable)) => pages.push(Page::Variable {
                    name: variable.to_string(),
                    default: self
                        .default_of(variable)
                        .or(of_schema)
                        .unwrap_or(DEFAULT_PAGE_SIZE),
                }),
                Some(value) => pages.extend(literal(value).map(Page::Fixed)),
                None => {}
            }
        }
        if pages.is_empty() {
            pages.extend(default.map(Page::Fixed));
        }
        pages
    }

    fn default_of(&self, variable: &str) -> Option<u64> {
        let definition = self
            .operation
            .variables
            .iter()
            .find(|it| it.name == variable)?;
        literal(definition.default_value.as_deref()?)
    }
}

fn literal(value: &Literal) -> Option<u64> {
    value.to_i32().map(|size| u64::try_from(size).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use apollo_compiler::{Schema, validation::Valid};
    use async_graphql::value;

    use super::*;

    const SDL: &str = "type Query { a(first: Int = 50, last: Int): A! b(first: [Int]): A } \
                       type A { a(first: Int, last: Int): A! x: Int }";

    fn schema() -> Valid<Schema> {
        Schema::parse_and_validate(SDL, "sdl").expect("valid")
    }

    fn nodes(text: &str, variables: Value) -> Option<u64> {
        let document =
            ExecutableDocument::parse_and_validate(&schema(), text, "test").expect("valid");
        let operation = document.operations.iter().next().expect("one");
        PageCost::build(&document, operation)
            .map(|cost| cost.nodes(&Variables::from_value(variables)))
    }

    #[test]
    fn pages_multiply_downwards_and_add_sideways() {
        for (text, expected) in [
            ("{ __typename }", None),
            ("{ b(first: [1]) { x } }", None),
            ("{ a { x } }", Some(50)),
            ("{ a(first: 3) { x } }", Some(3)),
            ("{ a(first: 3) { a(last: 5) { x } } }", Some(15)),
            (
                "{ a(first: 3) { a(last: 5) { x } b: a(first: 7) { x } } }",
                Some(36),
            ),
            ("{ a(first: 3) { a { x } } }", Some(60)),
            (
                "{ a(first: 3) { ...f ...f } } fragment f on A { a(first: 2) { x } }",
                Some(12),
            ),
        ] {
            assert_eq!(nodes(text, value!({})), expected, "{text}");
        }
    }

    #[test]
    fn variables_are_filled_in() {
        let text = "query($n: Int = 4) { a(first: $n) { x } }";
        for (variables, expected) in [
            (value!({}), 4),
            (value!({ "n": 9 }), 9),
            (value!({ "n": -1 }), 0),
            (value!({ "n": null }), 4),
        ] {
            assert_eq!(nodes(text, variables), Some(expected));
        }
    }
}
