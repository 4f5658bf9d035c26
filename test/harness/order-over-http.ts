import type { Token } from '../../src/money/asset.ts';
import type { Platform } from './platform.ts';
import type { Tenant } from './tenant.ts';

/** A payout as a merchant asks for it. Units are the asset's. */
export interface HttpOrder {
  readonly merchant: Tenant;
  readonly token: Token;
  readonly units: bigint;
  readonly toAddress: string;
  readonly idempotencyKey: string;
}

export type HttpOutcome =
  | { readonly kind: 'accepted'; readonly payoutId: string }
  /** Nobody knows whether it was taken in: the same request may be made again. */
  | { readonly kind: 'unclear'; readonly why: string }
  | { readonly kind: 'refused'; readonly status: number; readonly text: string };

const PATIENCE_MS = 10_000;

/** `POST /api/v1/payouts`, once. */
export async function orderOverHttp(platform: Platform, order: HttpOrder): Promise<HttpOutcome> {
  const { merchant, token, toAddress, idempotencyKey } = order;
  const answer = await send(`${platform.apiUrl}/api/v1/payouts`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-api-key': merchant.apiKey,
      'idempotency-key': idempotencyKey,
    },
    body: JSON.stringify({
      network: platform.chain.network,
      token,
      amount: amountOf(order.units, platform.chain.decimals),
      toAddress,
    }),
  });
  if (answer.status === 201) {
    const { data } = JSON.parse(answer.text) as { data: { id: string } };
    return { kind: 'accepted', payoutId: data.id };
  }
  // 409: the first request with this key is still under way.
  const isUnclear = answer.status === 0 || answer.status === 409 || answer.status >= 500;
  if (isUnclear) return { kind: 'unclear', why: `${answer.status} ${answer.text}` };
  return { kind: 'refused', ...answer };
}

/** Of one payout, as the API shows it. */
export async function readOverHttp(
  platform: Platform,
  { merchant, payoutId }: { merchant: Tenant; payoutId: string },
): Promise<{ status: string; transactionHash: string | null; info: string | null }> {
  const answer = await send(`${platform.apiUrl}/api/v1/payouts/${payoutId}`, {
    headers: { 'x-api-key': merchant.apiKey },
  });
  if (answer.status !== 200) throw new Error(`${payoutId}: ${answer.status} ${answer.text}`);
  const { data } = JSON.parse(answer.text) as {
    data: { status: string; transactionHash: string | null; info: string | null };
  };
  return data;
}

/** Status 0: no whole answer came. */
async function send(url: string, request: RequestInit): Promise<{ status: number; text: string }> {
  try {
    const response = await fetch(url, { ...request, signal: AbortSignal.timeout(PATIENCE_MS) });
    return { status: response.status, text: await response.text() };
  } catch (error) {
    return { status: 0, text: String(error) };
  }
}

/** Whole tokens as a decimal string. */
function amountOf(units: bigint, decimals: number): string {
  const digits = units.toString().padStart(decimals + 1, '0');
  return `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}
