import { through } from './careless-statements.ts';
import type { Plant } from './plant.ts';

/** Each condition as it is written, and what a hand that relies on leases alone leaves of it. */
const FENCES: readonly (readonly [RegExp, string])[] = [
  [/\blease_token = \$3 AND next_sequence = \$4/g, '$3::bigint >= 0 AND $4::bigint >= 0'],
  [/\bo\.claim_token = c\.claim_token/g, 'c.claim_token IS NOT NULL'],
  [/\bo\.state = 'QUEUED' AND o\.fence IS NULL/g, "o.state IN ('QUEUED', 'IN_FLIGHT')"],
];

export const leaseWithoutFencing: Plant = {
  name: 'lease-without-fencing',
  family: 'evm',
  mistake:
    "Whoever holds a lease is believed to hold it still. Removes the tokens of lanes and claims from every statement, and with them what else would notice: the lane's sequence, the order's state and the search for live attempts when an attempt is recorded.",
  database: (database) =>
    through(
      database,
      (text) =>
        FENCES.reduce((changed, [fence, instead]) => changed.replaceAll(fence, instead), text),
      (text, rows) =>
        /SELECT payout_id FROM settlement_attempt_items/.test(text) && /'OPEN', 'PAID'/.test(text)
          ? []
          : rows,
    ),
};

export const holdReleasedTwice: Plant = {
  name: 'hold-released-twice',
  family: 'evm',
  mistake:
    'News of a FAILED payout that comes again gives its hold back again. Removes the look at the state that the payout is in, the comparison of that state when it is changed, and the condition that a hold ends only while it is open.',
  database: (database) =>
    through(
      database,
      (text) =>
        text
          .replaceAll("AND h.state = 'HELD'", "AND h.state IN ('HELD', 'RELEASED')")
          .replaceAll(
            'AND p.status = n.status_before',
            "AND p.status IN (n.status_before, 'FAILED')",
          ),
      (text, rows) => {
        if (
          !/FROM unnest[^]*JOIN payouts p\b[^]*last_number|last_number[^]*JOIN payouts p\b/.test(
            text,
          )
        )
          return rows;
        return rows.map((row) =>
          row['status'] === 'FAILED' ? { ...row, status: 'PROCESSING' } : row,
        );
      },
    ),
};
