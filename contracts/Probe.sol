// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Tries a batch as the treasury would carry it out, and tells of each item what came of it.
/// @notice Never deployed: a node is asked to call the treasury's account as if this code lay there
/// (eth_call with a state override), so the token sees the treasury pay. Nothing of it is kept. What an
/// item changes, the next one finds changed, as in the batch itself.
contract Probe {
    struct Outcome {
        /// By the treasury's own rule: it ran and returned nothing, or a word or more that begins with one.
        bool paid;
        bool reverted;
        /// The token names the recipient on a blacklist, whether or not it paid.
        bool listed;
        /// Of the call, as the treasury pays it.
        uint256 gasUsed;
        /// The first 256 bytes of what the token returned; nothing where it paid.
        bytes reason;
    }

    /// @dev Covers what runs about the token's call, and the three questions.
    uint256 private constant MARGIN = 60_000;

    /// @dev Covers what an outcome takes to be told at the end, for some hundreds of them.
    uint256 private constant TELLING = 5_000;

    /// @param items One word each: the recipient's 20 bytes, then 12 bytes of amount in units.
    /// @return outcomes Of the first items, as many as the gas sufficed for.
    function probe(address token, uint256 gasPerItem, bytes32[] calldata items)
        external
        returns (Outcome[] memory outcomes)
    {
        outcomes = new Outcome[](items.length);
        // The treasury asks this first as well, so that no item pays for the first look at the token.
        if (token.code.length == 0) return new Outcome[](0);
        uint256 count = 0;
        uint256 needed = gasPerItem + gasPerItem / 63 + MARGIN;
        while (count < items.length && gasleft() > needed + TELLING * (count + 1)) {
            address to = address(bytes20(items[count]));
            outcomes[count] = _pay(token, gasPerItem, to, uint96(uint256(items[count])));
            // Asked after the payment: the questions read what the payment has to read first.
            outcomes[count].listed = _isListed(token, to);
            ++count;
        }
        assembly ("memory-safe") {
            mstore(outcomes, count)
        }
    }

    function _pay(address token, uint256 gasPerItem, address to, uint256 units)
        private
        returns (Outcome memory outcome)
    {
        bool ran;
        bool paid;
        uint256 gasUsed;
        uint256 size;
        bytes memory data = abi.encodeWithSignature("transfer(address,uint256)", to, units);
        assembly ("memory-safe") {
            let before := gas()
            ran := call(gasPerItem, token, 0, add(data, 32), 68, 0, 32)
            gasUsed := sub(before, gas())
            size := returndatasize()
            paid := and(ran, or(iszero(size), and(gt(size, 31), eq(mload(0), 1))))
        }
        outcome.paid = paid;
        outcome.reverted = !ran;
        outcome.gasUsed = gasUsed;
        if (!paid) outcome.reason = _firstBytes();
    }

    function _firstBytes() private pure returns (bytes memory reason) {
        assembly ("memory-safe") {
            let size := returndatasize()
            if gt(size, 256) { size := 256 }
            reason := mload(0x40)
            mstore(0x40, add(reason, 288))
            mstore(reason, size)
            returndatacopy(add(reason, 32), 0, size)
        }
    }

    /// @dev Each issuer has a name of its own for it; a token without the name says no.
    function _isListed(address token, address account) private view returns (bool) {
        return _saysYes(token, 0xe47d6060, account) // isBlackListed(address)
            || _saysYes(token, 0xfe575a87, account) // isBlacklisted(address)
            || _saysYes(token, 0xfbac3951, account); // isBlocked(address)
    }

    function _saysYes(address token, bytes4 selector, address account) private view returns (bool yes) {
        bytes memory data = abi.encodeWithSelector(selector, account);
        assembly ("memory-safe") {
            let ran := staticcall(10000, token, add(data, 32), 36, 0, 32)
            yes := and(ran, and(eq(returndatasize(), 32), eq(mload(0), 1)))
        }
    }
}
