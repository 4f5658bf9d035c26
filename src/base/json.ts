/** A value that JSON can hold. Amounts appear in it as decimal strings only. */
export type Json =
  string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
