import type { FieldErrors } from '../base/fault.ts';

/** An answer as it goes out: `body` is the JSON text, byte for byte. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The envelope of a success. `pagination` stands beside the data of a list that has pages. */
export function success(answer: {
  readonly status: 200 | 201;
  readonly message: string;
  readonly data: unknown;
  readonly pagination?: object;
}): Answer {
  const { status, message, data, pagination } = answer;
  return { status, body: JSON.stringify({ success: true, message, status, data, pagination }) };
}

/** The envelope of a failure. */
export function failure(answer: {
  readonly status: number;
  readonly message: string;
  readonly errors?: FieldErrors | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}): Answer {
  const { status, message, errors, headers = {} } = answer;
  return {
    status,
    body: JSON.stringify({ success: false, message, status, data: null, errors }),
    headers,
  };
}
