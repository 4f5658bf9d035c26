// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The usual way to pay many, to be measured against: the payer allows a contract to take, and
/// the contract takes for each recipient. All are paid or none; nobody signs but the payer's own account.
contract Disperse {
    error NotPaid();

    function disperse(address token, address[] calldata recipients, uint256[] calldata values)
        external
    {
        for (uint256 i = 0; i < recipients.length; ++i) {
            _transferFrom(token, recipients[i], values[i]);
        }
    }

    /// @dev The memory is used again by the next, so that the loop costs no more than it must.
    function _transferFrom(address token, address to, uint256 units) private {
        bool paid;
        assembly ("memory-safe") {
            let data := mload(0x40)
            mstore(data, 0x23b872dd00000000000000000000000000000000000000000000000000000000)
            mstore(add(data, 4), caller())
            mstore(add(data, 36), to)
            mstore(add(data, 68), units)
            let ran := call(gas(), token, 0, data, 100, 0, 32)
            // USDT returns nothing.
            let saysYes := and(gt(returndatasize(), 31), eq(mload(0), 1))
            paid := and(ran, or(iszero(returndatasize()), saysYes))
        }
        if (!paid) revert NotPaid();
    }
}
