/** The values that the documents show. */

const createdAt = '2024-08-27T13:44:20.000000Z';
const userId = '8286065b-577e-11ef-9218-96f5ee698dcd';

export const SAMPLE_PAYOUT = {
  token: 'USDT',
  toAddress: '0x56adfcc254ab3b8142a275c1837bcffaff5aa38b',
  network: 'MATIC_MAINNET',
  userId,
  payoutWalletId: '5c7bb5bd-acb5-453a-9eb9-11380a329d79',
  id: '8e5697e3-8265-455b-984a-0eb40e10b0f9',
  updatedAt: createdAt,
  createdAt,
  businessId: '019192f4-7b10-7a3c-9d52-3f6f0c1f7a11',
  merchantReference: null,
  status: 'PENDING',
  transactionHash: null,
  info: null,
} as const;

export const SAMPLE_HASH = '0x2d5c3bb1a5f0b3a0d3c92a1f9de6c4f1a2f77c8a90b64f3b1a3a7f1f6d0c9e58';

export const SAMPLE_WALLET = {
  token: 'USDT',
  userId,
  amount: '100.000000000000000000',
  id: SAMPLE_PAYOUT.payoutWalletId,
  updatedAt: createdAt,
  createdAt,
} as const;
