/** A moment as the API shows it: UTC with six fractional digits, "2024-08-27T13:44:20.000000Z". */
export function formatTime(moment: Date): string {
  return moment.toISOString().replace('Z', '000Z');
}
