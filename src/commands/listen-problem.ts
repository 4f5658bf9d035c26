/** One line on why a port cannot be opened, by the name of the setting that is at fault. */
export function listenProblem(
  settings: { readonly host: string; readonly port: string },
  at: { readonly host: string; readonly port: number },
  error: unknown,
): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'EADDRINUSE') return `${settings.port}: ${at.port} is in use on ${at.host}`;
  if (code === 'EACCES') return `${settings.port}: ${at.port} may not be used by this user`;
  return `${settings.host}: cannot listen on ${at.host} (${code})`;
}
