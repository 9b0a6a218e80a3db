mod stacked;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::{
    FnArg, Ident, Item, ItemFn, PatType, Path, Token, Type, parenthesized,
    parse::{Parse, ParseStream, Parser},
    parse_quote,
    punctuated::Punctuated,
    spanned::Spanned,
};

use self::stacked::{ACCESS, Decorated, decorated, stated};

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

/// One of several of which any suffices.
struct Alternative {
    /// As a type: `Editor`, `AllOf<(Editor, Reviewer)>`.
    access: Type,
    text: String,
    span: Span,
}

impl Alternative {
    fn one(path: &Path) -> Self {
        Self {
            access: parse_quote!(#path),
            text: text(path),
            span: path.span(),
        }
    }

    fn all(paths: &[Path]) -> syn::Result<Self> {
        let mut names = Vec::new();
        for path in paths {
            if names.contains(&text(path)) {
                return Err(twice(path.span(), &text(path)));
            }
            names.push(text(path));
        }
        Ok(Self {
            access: parse_quote!(::portcullis::access::AllOf<(#(#paths,)*)>),
            text: format!("all({})", names.join(", ")),
            span: paths[0].span(),
        })
    }
}

fn twice(span: Span, text: &str) -> syn::Error {
    syn::Error::new(span, format!("`{text}` is demanded twice: remove one"))
}

impl Demand {
    fn alternatives(&self) -> syn::Result<Vec<Alternative>> {
        Ok(match self {
            Self::One(path) => vec![Alternative::one(path)],
            Self::Any(paths) => paths.iter().map(Alternative::one).collect(),
            Self::All(paths) => vec![Alternative::all(paths)?],
        })
    }
}

impl Decorator {
    /// Rewrites the handler so that its first argument says what this decorator demands, beside those above it. Those
    /// below are left to the compiler, which alone knows whose they are.
    pub(crate) fn expand(self, arguments: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
        let mut handler = handler(self, item)?;
        let demand = self.demand(arguments)?;
        let more = demand.as_ref().map(Demand::alternatives).transpose()?;
        match decorated(&handler) {
            None => {
                let access = more.map(|more| permission(Vec::new(), more)).transpose()?;
                rewrite(&mut handler, access.as_ref())?;
            }
            Some(Decorated { by, above }) => {
                let (Some(above), Some(more)) = (above, more) else {
                    let is_this = self == Self::Authenticated;
                    return Err(syn::Error::new(
                        if is_this { Span::call_site() } else { by },
                        "`#[authenticated]` is redundant: every other decorator demands a login too; remove it",
                    ));
                };
                let access = permission(above, more)?;
                if let Some(stated) = stated(&mut handler) {
                    *stated = access;
                }
            }
        }
        Ok(handler.into_token_stream())
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

/// As a type: `Editor`, `AllOf<(Editor, Reviewer)>`, `AnyOf<(Editor, Publisher)>`.
fn permission(above: Vec<Type>, more: Vec<Alternative>) -> syn::Result<Type> {
    let mut alternatives = above;
    for Alternative { access, text, span } in more {
        let tokens = |access: &Type| access.to_token_stream().to_string();
        if alternatives.iter().any(|known| tokens(known) == tokens(&access)) {
            return Err(twice(span, &text));
        }
        alternatives.push(access);
    }
    Ok(match alternatives.as_slice() {
        [one] => one.clone(),
        several => parse_quote!(::portcullis::access::AnyOf<(#(#several,)*)>),
    })
}

fn text(path: &Path) -> String {
    path.to_token_stream().to_string().replace(' ', "")
}

fn rewrite(handler: &mut ItemFn, permission: Option<&Type>) -> syn::Result<()> {
    let user = user(handler)?;
    let (pattern, user) = (user.pat.clone(), user.ty.clone());
    let access = permission.map_or_else(
        || quote_spanned!(user.span()=> ::portcullis::access::CurrentUser<#user>),
        |permission| quote_spanned!(user.span()=> ::portcullis::access::Allow<#permission, #user>),
    );
    let argument = Ident::new(ACCESS, Span::call_site());
    if let Some(first) = handler.sig.inputs.first_mut() {
        *first = parse_quote!(#argument: #access);
    }
    handler
        .attrs
        .push(parse_quote!(#[allow(clippy::type_complexity)]));
    handler
        .block
        .stmts
        .insert(0, parse_quote!(let #pattern = #argument.0;));
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
