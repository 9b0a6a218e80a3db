//! One decorator above another: what the upper one wrote is all that the lower one knows of it.

use proc_macro2::Span;
use syn::{FnArg, GenericArgument, Ident, ItemFn, Pat, PathArguments, Token, Type, punctuated::Punctuated};

/// The name of the argument that a decorator has rewritten.
pub(super) const ACCESS: &str = "__access";

/// A handler that a decorator above has rewritten already.
pub(super) struct Decorated {
    pub(super) by: Span,
    /// Of what any suffices; `None` when it is a login.
    pub(super) above: Option<Vec<Type>>,
}

pub(super) fn decorated(handler: &ItemFn) -> Option<Decorated> {
    let FnArg::Typed(first) = handler.sig.inputs.first()? else {
        return None;
    };
    let Pat::Ident(name) = &*first.pat else {
        return None;
    };
    if name.ident != ACCESS {
        return None;
    }
    let by = name.ident.span();
    let above = match ours(&first.ty)? {
        (name, _) if name == "CurrentUser" => None,
        (name, arguments) if name == "Allow" => {
            let GenericArgument::Type(permission) = arguments.first()? else {
                return None;
            };
            Some(any_of(permission))
        }
        _ => return None,
    };
    Some(Decorated { by, above })
}

/// The first argument of the `Allow<..>` of a decorated handler.
pub(super) fn stated(handler: &mut ItemFn) -> Option<&mut Type> {
    let FnArg::Typed(first) = handler.sig.inputs.first_mut()? else {
        return None;
    };
    let Type::Path(access) = &mut *first.ty else {
        return None;
    };
    let PathArguments::AngleBracketed(arguments) = &mut access.path.segments.last_mut()?.arguments else {
        return None;
    };
    match arguments.args.first_mut()? {
        GenericArgument::Type(permission) => Some(permission),
        _ => None,
    }
}

/// What is in an `AnyOf` of ours, or the permission itself.
fn any_of(permission: &Type) -> Vec<Type> {
    if let Some((name, arguments)) = ours(permission)
        && name == "AnyOf"
        && let Some(GenericArgument::Type(Type::Tuple(several))) = arguments.first()
    {
        return several.elems.iter().cloned().collect();
    }
    vec![permission.clone()]
}

/// `Allow` and its arguments, for `::portcullis::access::Allow<..>` as decorators write it.
fn ours(access: &Type) -> Option<(&Ident, &Punctuated<GenericArgument, Token![,]>)> {
    let Type::Path(access) = access else { return None };
    access.path.leading_colon?;
    let segments: Vec<_> = access.path.segments.iter().collect();
    let [portcullis, module, last] = segments[..] else {
        return None;
    };
    match &last.arguments {
        PathArguments::AngleBracketed(arguments)
            if portcullis.ident == "portcullis" && module.ident == "access" =>
        {
            Some((&last.ident, &arguments.args))
        }
        _ => None,
    }
}
