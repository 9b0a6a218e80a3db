use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{
    Path, Token,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
    spanned::Spanned,
};

pub(crate) struct Handlers(Punctuated<Path, Token![,]>);

impl Parse for Handlers {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        Punctuated::parse_terminated(input).map(Self)
    }
}

impl Handlers {
    pub(crate) fn expand(&self) -> TokenStream {
        let calls = self.0.iter().map(|handler| {
            // `#[utoipa::path]` puts the description beside the handler, under this name.
            let mut description = handler.clone();
            if let Some(last) = description.segments.last_mut() {
                last.ident = format_ident!("__path_{}", last.ident, span = last.ident.span());
                last.arguments = syn::PathArguments::None;
            }
            quote_spanned!(handler.span()=> .describe::<#description, _, _>(#handler))
        });
        quote!(::portcullis::gate::Routes::new()#(#calls)*)
    }
}
