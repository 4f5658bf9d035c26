import { z } from 'zod';
import { NETWORK_IDS, TOKENS } from '../money/asset.ts';
import { PAYOUT_STATUSES } from '../payouts/payout.ts';

/** What answers hold, for the documents, the tests and the compiler. Requests are checked in routes/. */

const id = z.uuid().meta({ description: 'A UUID.' });
const time = z.string().meta({
  format: 'date-time',
  pattern: String.raw`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$`,
  description: 'UTC, with six fractional digits.',
});
const fixedAmount = z.string().meta({
  pattern: String.raw`^\d+\.\d{18}$`,
  description: 'In whole tokens, with 18 decimals.',
});
const digits = z.string().meta({ pattern: String.raw`^\d+$` });
const token = z.enum(TOKENS);
const network = z.enum(NETWORK_IDS);
const payoutStatus = z.enum(PAYOUT_STATUSES);
const activity = z.enum(['ACTIVE', 'INACTIVE']).meta({ description: 'Whether payouts are taken.' });

const payoutKeys = {
  token,
  toAddress: z.string().meta({ description: 'As it was written in the request.' }),
  network,
  userId: id.meta({ description: 'The user who made the credential that asked for the payout.' }),
  payoutWalletId: id.meta({ description: 'The payout wallet that pays.' }),
  id,
  updatedAt: time,
  createdAt: time,
  businessId: id,
  merchantReference: z.string().nullable(),
  status: payoutStatus,
  transactionHash: z
    .string()
    .nullable()
    .meta({ description: "The newest transaction's; null until one is signed." }),
  info: z.string().nullable().meta({ description: 'Why the payout failed; null otherwise.' }),
};

const createdPayout = z.object({
  amount: z.number().meta({ description: 'In whole tokens, with all of its digits.' }),
  ...payoutKeys,
});

const payout = z.object({ amount: fixedAmount, ...payoutKeys });

const payoutStatusNow = z.object({
  status: payoutStatus,
  transactionHash: z.string().nullable(),
});

const carrier = z.object({
  transactionHash: z.string(),
  sender: z.string().meta({ description: 'The account that sent it and paid its fee.' }),
  sequence: digits.meta({ description: "Its place among the sender's transactions (nonce)." }),
  state: z.enum(['OPEN', 'FINAL', 'REPLACED']),
  blockNumber: digits.nullable(),
  blockHash: z.string().nullable(),
  broadcastCount: z.int(),
  createdAt: time,
});

const attempt = z.object({
  id,
  transactionHash: z.string().meta({
    description: 'What carried it out; before that is final, the newest of its transactions.',
  }),
  fence: z.string().meta({
    description: 'What the chain spends once: the attempt takes effect once at most.',
  }),
  state: z.enum(['OPEN', 'LANDED', 'DEAD']).meta({ description: "The attempt's." }),
  fate: z
    .enum(['OPEN', 'PAID', 'REFUSED', 'DEAD'])
    .meta({ description: 'What became of this payout in the attempt.' }),
  reason: z.string().nullable(),
  proof: z
    .unknown()
    .meta({ description: 'What on the chain proves the fate; null while it is open.' }),
  validUntil: time.nullable().meta({
    description: "The last moment, in the chain's time, at which it can take effect.",
  }),
  blockNumber: digits.nullable(),
  blockHash: z.string().nullable(),
  feeUnits: digits.nullable().meta({
    description:
      "This payout's share of the fee, in the smallest unit of the chain's coin; null until it is final.",
  }),
  broadcastCount: z.int(),
  transactions: z.array(carrier).meta({
    description: 'Every transaction ever signed to carry it, oldest first.',
  }),
  createdAt: time,
  updatedAt: time,
});

const networkEntry = z.object({
  id,
  name: z.string(),
  identifier: network,
  payoutStatus: activity,
  tokens: z.array(
    z.object({
      id,
      name: z.string(),
      symbol: token,
      address: z
        .string()
        .nullable()
        .meta({ description: "The contract or mint; null for the network's own coin." }),
      decimals: z.int(),
      minimum: z.string().meta({ description: 'The smallest payout, in whole tokens.' }),
      payoutStatus: activity,
    }),
  ),
});

const walletKeys = { id, updatedAt: time, createdAt: time };
const createdPayoutWallet = z.object({
  token,
  userId: id,
  amount: z.number().meta({ description: 'A new wallet is empty.' }),
  ...walletKeys,
});
const payoutWallet = z.object({
  token,
  userId: id,
  amount: fixedAmount.meta({ description: 'What a new payout can spend, with 18 decimals.' }),
  ...walletKeys,
});

const pagination = z.object({
  limit: z.int(),
  hasMore: z.boolean(),
  nextCursor: z.string().nullable().meta({ description: 'Null on the last page.' }),
});

const service = z.object({ version: z.string() });

const accessToken = z.object({
  token_type: z.literal('Bearer'),
  expires_in: z.int().meta({ description: 'Seconds.' }),
  access_token: z.string(),
});

const oauthError = z.object({
  error: z.enum([
    'invalid_request',
    'invalid_client',
    'invalid_grant',
    'unauthorized_client',
    'unsupported_grant_type',
    'invalid_scope',
  ]),
  error_description: z.string(),
});

const failure = z.object({
  success: z.literal(false),
  message: z.string(),
  status: z.int(),
  data: z.null(),
  errors: z
    .record(z.string(), z.array(z.string()))
    .optional()
    .meta({ description: 'By field, in camelCase; where the request did not pass validation.' }),
});

/** By the names that they have in the document. */
export const ANSWER_SCHEMAS = {
  CreatedPayout: createdPayout,
  Payout: payout,
  PayoutStatus: payoutStatusNow,
  Attempt: attempt,
  Network: networkEntry,
  CreatedPayoutWallet: createdPayoutWallet,
  PayoutWallet: payoutWallet,
  Pagination: pagination,
  Service: service,
  AccessToken: accessToken,
  OauthError: oauthError,
  Failure: failure,
};

export type AnswerSchema = keyof typeof ANSWER_SCHEMAS;

/** The data that an answer of a schema must hold. */
export type AnswerData<S extends AnswerSchema> = z.output<(typeof ANSWER_SCHEMAS)[S]>;
