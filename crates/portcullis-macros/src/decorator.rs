use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{
    Attribute, FnArg, Item, ItemFn, PatType, Path, Token, Type, parenthesized,
    parse::{Parse, ParseStream, Parser},
    parse_quote,
    punctuated::Punctuated,
    spanned::Spanned,
};

/// One of `#[authenticated]`, `#[admin]`, `#[requires(..)]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Decorator {
    Authenticated,
    Admin,
    Requires,
}

/// What one decorator demands: stacked ones are alternatives.
enum Demand {
    One(Path),
    Any(Vec<Path>),
    All(Vec<Path>),
}

impl Parse for Demand {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.is_empty() {
            return Err(input.error("say which role or scope: `#[requires(Editor)]`"));
        }
        let first: Path = input.parse()?;
        let demand = if input.peek(syn::token::Paren) {
            let inside;
            parenthesized!(inside in input);
            let paths: Vec<Path> = Punctuated::<Path, Token![,]>::parse_terminated(&inside)?
                .into_iter()
                .collect();
            if paths.is_empty() {
                return Err(inside.error("name the roles or scopes"));
            }
            if first.is_ident("all") {
                Self::All(paths)
            } else if first.is_ident("any") {
                Self::Any(paths)
            } else {
                return Err(syn::Error::new(first.span(), "write `all(..)` or `any(..)`"));
            }
        } else {
            Self::One(first)
        };
        if !input.is_empty() {
            return Err(input.error(
                "several at once: write `all(Editor, Reviewer)` for both, or `any(Editor, Publisher)` for either",
            ));
        }
        Ok(demand)
    }
}

impl Decorator {
    /// Rewrites the handler so that its first argument says what the decorators above it demand.
    pub(crate) fn expand(self, arguments: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
        let mut handler = handler(self, item)?;
        let mut demands = vec![(self, Span::call_site(), self.demand(arguments)?)];
        let mut rest = Vec::new();
        for attribute in std::mem::take(&mut handler.attrs) {
            match Self::of(&attribute) {
                Some(decorator) => {
                    let inside = match &attribute.meta {
                        syn::Meta::List(list) => list.tokens.clone(),
                        _ => TokenStream::new(),
                    };
                    demands.push((decorator, attribute.span(), decorator.demand(inside)?));
                }
                None => rest.push(attribute),
            }
        }
        handler.attrs = rest;
        let login = demands
            .iter()
            .find(|(decorator, ..)| *decorator == Self::Authenticated);
        if let (Some((_, span, _)), true) = (login, demands.len() > 1) {
            return Err(syn::Error::new(
                *span,
                "`#[authenticated]` is redundant: every other decorator demands a login too; remove it",
            ));
        }
        let demands: Vec<Demand> = demands.into_iter().filter_map(|(.., demand)| demand).collect();
        let permission = permission(&demands)?;
        rewrite(&mut handler, permission.as_ref())?;
        Ok(handler.into_token_stream())
    }

    fn of(attribute: &Attribute) -> Option<Self> {
        // Ours alone: another crate may have an `admin` of its own, which must not vanish into ours.
        let segments = &attribute.path().segments;
        let name = match segments.iter().collect::<Vec<_>>()[..] {
            [name] => &name.ident,
            [portcullis, name] if portcullis.ident == "portcullis" => &name.ident,
            _ => return None,
        };
        Some(match name.to_string().as_str() {
            "authenticated" => Self::Authenticated,
            "admin" => Self::Admin,
            "requires" => Self::Requires,
            _ => return None,
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Authenticated => "#[authenticated]",
            Self::Admin => "#[admin]",
            Self::Requires => "#[requires(..)]",
        }
    }

    fn demand(self, arguments: TokenStream) -> syn::Result<Option<Demand>> {
        match self {
            Self::Requires => Demand::parse.parse2(arguments).map(Some),
            Self::Authenticated | Self::Admin if !arguments.is_empty() => Err(syn::Error::new(
                arguments.span(),
                format!(
                    "`{}` takes nothing: for a role write `#[requires(Role)]`",
                    self.name()
                ),
            )),
            Self::Authenticated => Ok(None),
            Self::Admin => Ok(Some(Demand::One(parse_quote!(Admin)))),
        }
    }
}

/// The item as an async function, which alone can be a handler.
fn handler(decorator: Decorator, item: TokenStream) -> syn::Result<ItemFn> {
    let name = decorator.name();
    let wrong = |span| {
        syn::Error::new(
            span,
            format!("`{name}` goes above an async handler: `async fn handler(user: User, ..)`"),
        )
    };
    let span = item.span();
    match syn::parse2::<Item>(item) {
        Ok(Item::Fn(handler)) if handler.sig.asyncness.is_some() => Ok(handler),
        Ok(Item::Fn(handler)) => Err(wrong(handler.sig.fn_token.span())),
        Ok(other) => Err(wrong(other.span())),
        Err(_) => Err(wrong(span)),
    }
}

/// As a type: `Editor`, `AnyOf<(Editor, Publisher)>`, `AllOf<(Editor, Reviewer)>`, or any of such.
fn permission(demands: &[Demand]) -> syn::Result<Option<TokenStream>> {
    let mut seen: Vec<String> = Vec::new();
    let mut alternatives: Vec<TokenStream> = Vec::new();
    let mut alternative = |path: &Path, tokens: TokenStream, text: String| {
        if seen.contains(&text) {
            return Err(syn::Error::new(
                path.span(),
                format!("`{text}` is demanded twice: remove one"),
            ));
        }
        seen.push(text);
        alternatives.push(tokens);
        Ok(())
    };
    for demand in demands {
        match demand {
            Demand::One(path) => alternative(path, quote!(#path), text(path))?,
            Demand::Any(paths) => {
                for path in paths {
                    alternative(path, quote!(#path), text(path))?;
                }
            }
            Demand::All(paths) => {
                let mut names = Vec::new();
                for path in paths {
                    if names.contains(&text(path)) {
                        return Err(syn::Error::new(
                            path.span(),
                            format!("`{}` is demanded twice: remove one", text(path)),
                        ));
                    }
                    names.push(text(path));
                }
                let all = format!("all({})", names.join(", "));
                alternative(&paths[0], quote!(::portcullis::access::AllOf<(#(#paths,)*)>), all)?;
            }
        }
    }
    Ok(match alternatives.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        several => Some(quote!(::portcullis::access::AnyOf<(#(#several,)*)>)),
    })
}

fn text(path: &Path) -> String {
    path.to_token_stream().to_string().replace(' ', "")
}

fn rewrite(handler: &mut ItemFn, permission: Option<&TokenStream>) -> syn::Result<()> {
    let user = user(handler)?;
    let (pattern, user) = (user.pat.clone(), user.ty.clone());
    let access = permission.map_or_else(
        || quote_spanned!(user.span()=> ::portcullis::access::CurrentUser<#user>),
        |permission| quote_spanned!(user.span()=> ::portcullis::access::Allow<#permission, #user>),
    );
    if let Some(first) = handler.sig.inputs.first_mut() {
        *first = parse_quote!(__access: #access);
    }
    handler
        .attrs
        .push(parse_quote!(#[allow(clippy::type_complexity)]));
    handler
        .block
        .stmts
        .insert(0, parse_quote!(let #pattern = __access.0;));
    Ok(())
}

/// The first argument, which is the user.
fn user(handler: &ItemFn) -> syn::Result<&PatType> {
    let how = "a decorated handler begins with its user: `async fn handler(user: User, ..)`, or `_: User` if it does not look at it";
    let Some(first) = handler.sig.inputs.first() else {
        return Err(syn::Error::new(handler.sig.ident.span(), how));
    };
    let FnArg::Typed(user) = first else {
        return Err(syn::Error::new(first.span(), how));
    };
    let last = match &*user.ty {
        Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
        _ => None,
    };
    match last.as_deref() {
        Some("Allow" | "CurrentUser" | "Public") => Err(syn::Error::new(
            user.ty.span(),
            "this argument states the access already: take the user itself, `user: User`, or remove the decorator",
        )),
        Some("Option") => Err(syn::Error::new(
            user.ty.span(),
            "a decorator demands a login, so there is always a user: take `User`, or `Option<CurrentUser<User>>` without a decorator",
        )),
        Some("State" | "Path" | "Query" | "Json" | "Form" | "Extension" | "HeaderMap") => {
            Err(syn::Error::new(user.ty.span(), how))
        }
        _ => Ok(user),
    }
}
