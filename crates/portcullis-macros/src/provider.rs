use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{
    FnArg, GenericArgument, Item, ItemFn, PathArguments, PathSegment, ReturnType, Type, spanned::Spanned,
};

/// An `async fn` that tells who is calling.
pub(crate) struct Provider {
    function: ItemFn,
    /// What it is given of the request: its headers, or all but the body.
    request: TokenStream,
    /// The parts of the state that it wants.
    states: Vec<Type>,
    user: Type,
}

const SHAPE: &str =
    "`async fn current_user(headers: &HeaderMap, State(db): State<Db>) -> Result<User, AuthError>`";

impl Provider {
    pub(crate) fn parse(item: TokenStream) -> syn::Result<Self> {
        let wrong = |span| syn::Error::new(span, format!("an auth provider is an async function: {SHAPE}"));
        let span = item.span();
        let function = match syn::parse2::<Item>(item) {
            Ok(Item::Fn(function)) if function.sig.asyncness.is_some() => function,
            Ok(Item::Fn(function)) => return Err(wrong(function.sig.fn_token.span())),
            Ok(other) => return Err(wrong(other.span())),
            Err(_) => return Err(wrong(span)),
        };
        if !function.sig.generics.params.is_empty() {
            return Err(syn::Error::new(
                function.sig.generics.span(),
                "an auth provider has no type parameters: there is one per type of user",
            ));
        }
        let mut arguments = function.sig.inputs.iter();
        let request = match arguments.next() {
            Some(first) => request(first)?,
            None => {
                return Err(syn::Error::new(
                    function.sig.ident.span(),
                    format!("an auth provider looks at the request: {SHAPE}"),
                ));
            }
        };
        let states = arguments.map(state).collect::<syn::Result<_>>()?;
        let user = user(&function)?;
        Ok(Self {
            function,
            request,
            states,
            user,
        })
    }

    pub(crate) fn expand(self) -> TokenStream {
        let Self {
            mut function,
            request,
            states,
            user,
        } = self;
        let name = function.sig.ident.clone();
        let visibility = std::mem::replace(&mut function.vis, syn::Visibility::Inherited);
        let attributes = std::mem::take(&mut function.attrs);
        let (docs, attributes): (Vec<_>, Vec<_>) = attributes
            .into_iter()
            .partition(|attribute| attribute.path().is_ident("doc"));
        let docs = if docs.is_empty() {
            vec![syn::parse_quote!(#[doc = "Tells who is calling."])]
        } else {
            docs
        };
        let is_one = quote_spanned! {user.span()=>
            impl ::portcullis::provider::HasOneAuthProvider for #user {}
        };
        quote! {
            #(#docs)*
            #[allow(non_camel_case_types)]
            #[derive(Clone, Copy, Debug)]
            #visibility struct #name;

            impl<__State> ::portcullis::provider::Identifies<__State> for #name
            where
                __State: ::std::marker::Sync #(+ ::portcullis::access::Holds<#states>)*,
            {
                type User = #user;

                async fn identify(
                    &self,
                    __parts: &::portcullis::provider::Parts,
                    __state: &__State,
                ) -> ::std::result::Result<#user, ::portcullis::provider::AuthError> {
                    #(#attributes)*
                    #[allow(clippy::unused_async)]
                    #function

                    let _ = __state;
                    #name(
                        #request,
                        #(::portcullis::provider::State(
                            <__State as ::portcullis::access::Holds<#states>>::part(__state)
                        ),)*
                    )
                    .await
                    .map_err(::std::convert::Into::into)
                }
            }

            #is_one
        }
    }
}

fn last(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

fn argument(ty: &Type, of: &str) -> Option<Type> {
    let segment = last(ty).filter(|segment| segment.ident == of)?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return None;
    };
    match arguments.args.first() {
        Some(GenericArgument::Type(ty)) => Some(ty.clone()),
        _ => None,
    }
}

fn request(first: &FnArg) -> syn::Result<TokenStream> {
    if let FnArg::Typed(first) = first
        && let Type::Reference(reference) = &*first.ty
        && reference.mutability.is_none()
        && let Some(segment) = last(&reference.elem)
    {
        if segment.ident == "HeaderMap" {
            return Ok(quote!(&__parts.headers));
        }
        if segment.ident == "Parts" {
            return Ok(quote!(__parts));
        }
    }
    Err(syn::Error::new(
        first.span(),
        format!("an auth provider begins with `&HeaderMap` or `&Parts`: {SHAPE}"),
    ))
}

fn state(next: &FnArg) -> syn::Result<Type> {
    match next {
        FnArg::Typed(typed) => argument(&typed.ty, "State"),
        FnArg::Receiver(_) => None,
    }
    .ok_or_else(|| {
        syn::Error::new(
            next.span(),
            "after the request, an auth provider takes parts of the state only: `State(db): State<Db>`",
        )
    })
}

fn user(function: &ItemFn) -> syn::Result<Type> {
    let wrong = |span| {
        syn::Error::new(
            span,
            "an auth provider gives a user or says why there is none: `-> Result<User, AuthError>`",
        )
    };
    let ReturnType::Type(_, ty) = &function.sig.output else {
        return Err(wrong(function.sig.ident.span()));
    };
    let user = argument(ty, "Result").ok_or_else(|| wrong(ty.span()))?;
    match last(&user) {
        Some(segment) if segment.ident == "Option" => Err(syn::Error::new(
            user.span(),
            "when nobody is logged in, give `Err(AuthError::Missing)`: a backend that failed is `AuthError::unavailable()`, and neither is a `None`",
        )),
        _ => Ok(user),
    }
}
