use proc_macro2::TokenStream;
use syn::{
    Attribute, Ident, LitStr, Token, Visibility,
    parse::{Parse, ParseStream},
};

use crate::permission::{Declared, check_unique, check_wire};

struct Scope {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    name: Ident,
    wire: LitStr,
    description: LitStr,
}

impl Parse for Scope {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let name = input.parse()?;
        input.parse::<Token![=]>()?;
        let wire: LitStr = input.parse()?;
        check_wire(&wire)?;
        if !input.peek(Token![:]) {
            return Err(input.error("add a description: `Name = \"wire:name\": \"What it allows\";`"));
        }
        input.parse::<Token![:]>()?;
        let description = input.parse()?;
        input.parse::<Token![;]>()?;
        Ok(Self {
            attributes,
            visibility,
            name,
            wire,
            description,
        })
    }
}

pub(crate) struct Scopes(Vec<Scope>);

impl Parse for Scopes {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut scopes = Vec::new();
        while !input.is_empty() {
            scopes.push(input.parse::<Scope>()?);
        }
        check_unique("scope", scopes.iter().map(|scope| (&scope.name, &scope.wire)))?;
        Ok(Self(scopes))
    }
}

impl Scopes {
    pub(crate) fn expand(&self) -> TokenStream {
        self.0
            .iter()
            .map(|scope| {
                Declared {
                    kind: "Scope",
                    attributes: &scope.attributes,
                    visibility: &scope.visibility,
                    name: &scope.name,
                    wire: &scope.wire,
                    description: &scope.description.value(),
                }
                .expand()
            })
            .collect()
    }
}
