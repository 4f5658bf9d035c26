// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The shapes that a batch could have had, to be measured side by side. Each differs from `words`
/// in one thing. No signature, no spent id: anyone may empty this contract.
contract BatchShapes {
    struct Item {
        address to;
        uint256 units;
    }

    event ItemPaid(uint256 indexed batchId, uint256 index);

    error NotPaid();

    /// @notice As the treasury has it: 20 bytes of recipient and 12 of units in a word.
    function words(address token, bytes32[] calldata items) external {
        for (uint256 i = 0; i < items.length; ++i) {
            _transfer(token, address(bytes20(items[i])), uint96(uint256(items[i])));
        }
    }

    /// @notice Two words for each item.
    function structs(address token, Item[] calldata items) external {
        for (uint256 i = 0; i < items.length; ++i) {
            _transfer(token, items[i].to, items[i].units);
        }
    }

    /// @notice 25 bytes for each item: five are enough for a million of a token of 6 decimals.
    function tight(address token, bytes calldata items) external {
        for (uint256 start = 0; start < items.length; start += 25) {
            bytes32 item;
            assembly ("memory-safe") {
                item := calldataload(add(items.offset, start))
            }
            _transfer(token, address(bytes20(item)), uint40(uint256(item) >> 56));
        }
    }

    /// @notice An event for each item that was paid.
    function eventEach(address token, bytes32[] calldata items) external {
        for (uint256 i = 0; i < items.length; ++i) {
            _transfer(token, address(bytes20(items[i])), uint96(uint256(items[i])));
            emit ItemPaid(7, i);
        }
    }

    /// @notice Each item in a call of its own, which could be undone where the token says no.
    function apart(address token, bytes32[] calldata items) external {
        for (uint256 i = 0; i < items.length; ++i) {
            this.one(token, items[i]);
        }
    }

    function one(address token, bytes32 item) external {
        _transfer(token, address(bytes20(item)), uint96(uint256(item)));
    }

    /// @notice Any of several tokens: after the recipient a byte for the token, then 11 of units.
    function mixed(address[] calldata tokens, bytes32[] calldata items) external {
        for (uint256 i = 0; i < items.length; ++i) {
            uint256 word = uint256(items[i]);
            _transfer(tokens[uint8(word >> 88)], address(bytes20(items[i])), uint88(word));
        }
    }

    function _transfer(address token, address to, uint256 units) private {
        bool paid;
        assembly ("memory-safe") {
            let data := mload(0x40)
            mstore(data, 0xa9059cbb00000000000000000000000000000000000000000000000000000000)
            mstore(add(data, 4), to)
            mstore(add(data, 36), units)
            let ran := call(gas(), token, 0, data, 68, 0, 32)
            let saysYes := and(gt(returndatasize(), 31), eq(mload(0), 1))
            paid := and(ran, or(iszero(returndatasize()), saysYes))
        }
        if (!paid) revert NotPaid();
    }
}
