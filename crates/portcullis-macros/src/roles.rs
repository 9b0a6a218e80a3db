use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    Attribute, Ident, LitStr, Token, Visibility, braced,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
};

use crate::permission::{Declared, check_unique, check_wire, doc_text};

struct Role {
    attributes: Vec<Attribute>,
    name: Ident,
    wire: LitStr,
    description: String,
}

impl Parse for Role {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let name = input.parse()?;
        if !input.peek(Token![=]) {
            return Err(input.error("add the name on the wire: `Admin = \"admin\"`"));
        }
        input.parse::<Token![=]>()?;
        let wire: LitStr = input.parse()?;
        check_wire(&wire)?;
        let description = if input.peek(Token![:]) {
            input.parse::<Token![:]>()?;
            input.parse::<LitStr>()?.value()
        } else {
            doc_text(&attributes)
        };
        Ok(Self {
            attributes,
            name,
            wire,
            description,
        })
    }
}

pub(crate) struct Roles {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    name: Ident,
    declared: Vec<Role>,
    /// For each role, the roles that it implies, directly.
    implies: Vec<BTreeSet<usize>>,
}

impl Parse for Roles {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        input.parse::<Token![enum]>()?;
        let name = input.parse()?;
        let inside;
        braced!(inside in input);
        let roles: Vec<Role> = Punctuated::<Role, Token![,]>::parse_terminated(&inside)?
            .into_iter()
            .collect();
        check_unique("role", roles.iter().map(|role| (&role.name, &role.wire)))?;
        if input.peek(Token![;]) {
            input.parse::<Token![;]>()?;
        }
        let mut this = Self {
            attributes,
            visibility,
            name,
            implies: vec![BTreeSet::new(); roles.len()],
            declared: roles,
        };
        while !input.is_empty() {
            this.parse_order(input)?;
        }
        Ok(this)
    }
}

impl Roles {
    /// `Admin > Editor > Viewer;`
    fn parse_order(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let mut higher = self.index(&input.parse()?)?;
        loop {
            input.parse::<Token![>]>()?;
            let name: Ident = input.parse()?;
            let lower = self.index(&name)?;
            if higher == lower || self.closure(lower).contains(&higher) {
                return Err(syn::Error::new(
                    name.span(),
                    format!(
                        "`{}` would imply itself: remove one of the `>` between them",
                        self.declared[higher].name
                    ),
                ));
            }
            if !self.implies[higher].insert(lower) {
                return Err(syn::Error::new(name.span(), "this is said twice"));
            }
            if input.peek(Token![;]) {
                input.parse::<Token![;]>()?;
                return Ok(());
            }
            higher = lower;
        }
    }

    fn index(&self, name: &Ident) -> syn::Result<usize> {
        self.declared
            .iter()
            .position(|role| role.name == *name)
            .ok_or_else(|| {
                let known: Vec<String> = self.declared.iter().map(|role| role.name.to_string()).collect();
                syn::Error::new(
                    name.span(),
                    format!("there is no role `{name}`: the roles are {}", known.join(", ")),
                )
            })
    }

    /// All that the role implies, directly or not; not itself.
    fn closure(&self, role: usize) -> BTreeSet<usize> {
        let mut seen = BTreeSet::new();
        let mut todo: Vec<usize> = self.implies[role].iter().copied().collect();
        while let Some(next) = todo.pop() {
            if seen.insert(next) {
                todo.extend(&self.implies[next]);
            }
        }
        seen
    }

    pub(crate) fn expand(&self) -> TokenStream {
        let Self {
            attributes,
            visibility,
            name,
            declared: roles,
            ..
        } = self;
        let types = roles.iter().map(|role| {
            Declared {
                kind: "Role",
                attributes: &role.attributes,
                visibility,
                name: &role.name,
                wire: &role.wire,
                description: &role.description,
            }
            .expand()
        });
        let names: Vec<&Ident> = roles.iter().map(|role| &role.name).collect();
        let wires: Vec<&LitStr> = roles.iter().map(|role| &role.wire).collect();
        let docs: Vec<String> = roles
            .iter()
            .map(|role| {
                if role.description.is_empty() {
                    role.wire.value()
                } else {
                    role.description.clone()
                }
            })
            .collect();
        let descriptions = roles.iter().map(|role| &role.description);
        let implied = (0..roles.len()).map(|role| {
            let lower = self
                .closure(role)
                .into_iter()
                .map(|index| &self.declared[index].name);
            quote!(&[#(Self::#lower),*])
        });
        let by_name = self.by_name();
        let doc =
            (!attributes.iter().any(|a| a.path().is_ident("doc"))).then(|| quote!(#[doc = "The roles."]));
        quote! {
            #(#types)*

            #(#attributes)*
            #doc
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
            #visibility enum #name {
                #(#[doc = #docs] #names,)*
            }

            impl #name {
                /// All roles, in the order in which they are declared.
                pub const ALL: &'static [Self] = &[#(Self::#names),*];

                /// As on the wire.
                #[must_use]
                pub const fn as_str(self) -> &'static str {
                    match self { #(Self::#names => #wires,)* }
                }

                /// For people.
                #[must_use]
                pub const fn description(self) -> &'static str {
                    match self { #(Self::#names => #descriptions,)* }
                }

                /// The roles that it implies, directly or not.
                #[must_use]
                pub const fn implies(self) -> &'static [Self] {
                    match self { #(Self::#names => #implied,)* }
                }

                /// The role of that name on the wire.
                #[must_use]
                pub fn from_name(name: &str) -> ::core::option::Option<Self> {
                    match name {
                        #(#wires => ::core::option::Option::Some(Self::#names),)*
                        _ => ::core::option::Option::None,
                    }
                }
            }

            impl ::portcullis::access::HeldRoles for #name {
                fn holds(&self, name: &str) -> bool {
                    self.as_str() == name || self.implies().iter().any(|role| role.as_str() == name)
                }

                fn role_names(&self) -> ::std::vec::Vec<::std::string::String> {
                    ::std::vec![::std::string::String::from(self.as_str())]
                }
            }

            impl ::portcullis::access::DeclaredRoles for #name {
                fn all() -> &'static [Self] {
                    Self::ALL
                }

                fn name(self) -> &'static str {
                    self.as_str()
                }

                fn about(self) -> &'static str {
                    self.description()
                }

                fn implied(self) -> &'static [Self] {
                    self.implies()
                }
            }

            #by_name
        }
    }

    /// Reading and writing by the names on the wire.
    fn by_name(&self) -> TokenStream {
        let name = &self.name;
        let wires: Vec<&LitStr> = self.declared.iter().map(|role| &role.wire).collect();
        quote! {
            impl ::core::fmt::Display for #name {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    f.pad(self.as_str())
                }
            }

            impl ::core::str::FromStr for #name {
                type Err = ::portcullis::access::UnknownRole;

                fn from_str(name: &str) -> ::core::result::Result<Self, Self::Err> {
                    Self::from_name(name).ok_or(::portcullis::access::UnknownRole::among(&[#(#wires),*]))
                }
            }

            impl ::core::convert::TryFrom<::std::string::String> for #name {
                type Error = ::portcullis::access::UnknownRole;

                fn try_from(name: ::std::string::String) -> ::core::result::Result<Self, Self::Error> {
                    name.parse()
                }
            }

            impl ::portcullis::access::wire::Serialize for #name {
                fn serialize<S: ::portcullis::access::wire::Serializer>(
                    &self,
                    serializer: S,
                ) -> ::core::result::Result<S::Ok, S::Error> {
                    serializer.serialize_str(self.as_str())
                }
            }

            impl<'de> ::portcullis::access::wire::Deserialize<'de> for #name {
                fn deserialize<D: ::portcullis::access::wire::Deserializer<'de>>(
                    deserializer: D,
                ) -> ::core::result::Result<Self, D::Error> {
                    ::portcullis::access::wire::deserialize(deserializer)
                }
            }

            impl ::portcullis::access::wire::PartialSchema for #name {
                fn schema() -> ::portcullis::access::wire::RefOr<::portcullis::access::wire::Schema> {
                    ::portcullis::access::wire::schema(&[#(#wires),*])
                }
            }

            impl ::portcullis::access::wire::ToSchema for #name {}
        }
    }
}
