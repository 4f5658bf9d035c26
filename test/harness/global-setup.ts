/** Replaced once the embedded PostgreSQL exists. */
export default function setup(): void {}
