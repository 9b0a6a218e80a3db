use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Attribute, Expr, ExprLit, Ident, Lit, LitStr, Meta, Visibility};

/// One role or scope, as both macros declare them.
pub(crate) struct Declared<'a> {
    pub(crate) kind: &'static str,
    pub(crate) attributes: &'a [Attribute],
    pub(crate) visibility: &'a Visibility,
    pub(crate) name: &'a Ident,
    pub(crate) wire: &'a LitStr,
    pub(crate) description: &'a str,
}

impl Declared<'_> {
    pub(crate) fn expand(&self) -> TokenStream {
        let Self {
            kind,
            attributes,
            visibility,
            name,
            wire,
            description,
        } = self;
        let asks = format_ident!("Of{kind}s");
        let kind = Ident::new(kind, name.span());
        let doc = if attributes.iter().any(|a| a.path().is_ident("doc")) {
            None
        } else {
            let text = if description.is_empty() {
                wire.value()
            } else {
                (*description).to_owned()
            };
            Some(quote!(#[doc = #text]))
        };
        quote! {
            #(#attributes)*
            #doc
            #[derive(Clone, Copy, Debug)]
            #visibility struct #name;

            impl ::portcullis::access::Permission for #name {
                type Asks = ::portcullis::access::#asks;

                fn requirement() -> ::portcullis::access::Requirement {
                    ::portcullis::access::Requirement::#kind(#wire)
                }

                fn names() -> ::std::vec::Vec<::portcullis::access::Named> {
                    ::std::vec![::portcullis::access::Named::of::<Self>()]
                }
            }

            impl<__State> ::portcullis::access::DecidedWith<__State> for #name {}

            impl ::portcullis::access::NamedPermission for #name {
                const KIND: ::portcullis::access::PermissionKind = ::portcullis::access::PermissionKind::#kind;
                const NAME: &'static str = #wire;
                const DESCRIPTION: &'static str = #description;
            }
        }
    }
}

/// The doc comment as one line.
pub(crate) fn doc_text(attributes: &[Attribute]) -> String {
    let lines: Vec<String> = attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("doc"))
        .filter_map(|attribute| match &attribute.meta {
            Meta::NameValue(doc) => match &doc.value {
                Expr::Lit(ExprLit {
                    lit: Lit::Str(text), ..
                }) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        })
        .collect();
    lines.join(" ").trim().to_owned()
}

/// What `portcullis_core::access` takes for a name, so that a misspelled one does not wait for a token.
pub(crate) fn check_wire(wire: &LitStr) -> syn::Result<()> {
    let text = wire.value();
    let characters_fit = text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-_.:/".contains(&b));
    if text.is_empty() || text.len() > 64 || !characters_fit {
        return Err(syn::Error::new(
            wire.span(),
            "a name of a role or scope has 1 to 64 characters: letters, digits and `-_.:/`",
        ));
    }
    Ok(())
}

/// Refuses a name or a wire name that comes twice.
pub(crate) fn check_unique<'a>(
    what: &str,
    declared: impl Iterator<Item = (&'a Ident, &'a LitStr)>,
) -> syn::Result<()> {
    let mut seen: Vec<(&Ident, &LitStr)> = Vec::new();
    for (name, wire) in declared {
        if seen.iter().any(|(other, _)| *other == name) {
            return Err(syn::Error::new(
                name.span(),
                format!("the {what} `{name}` is declared twice"),
            ));
        }
        if let Some((other, _)) = seen.iter().find(|(_, known)| known.value() == wire.value()) {
            return Err(syn::Error::new(
                wire.span(),
                format!("`{}` is the {what} `{other}` already", wire.value()),
            ));
        }
        seen.push((name, wire));
    }
    Ok(())
}
