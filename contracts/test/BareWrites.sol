// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What no payout can do without, to be measured against: for each recipient a balance written and
/// a Transfer event; for the payer one write in all. It checks nothing and calls nothing.
contract BareWrites {
    mapping(address => uint256) public balanceOf;

    event Transfer(address indexed from, address indexed to, uint256 value);

    function mint(uint256 units) external {
        balanceOf[address(this)] += units;
    }

    /// @param items One word each: the recipient's 20 bytes, then 12 bytes of units.
    function pay(bytes32[] calldata items) external {
        uint256 total;
        for (uint256 i = 0; i < items.length; ++i) {
            address to = address(bytes20(items[i]));
            uint256 units = uint96(uint256(items[i]));
            unchecked {
                total += units;
                balanceOf[to] += units;
            }
            emit Transfer(address(this), to, units);
        }
        balanceOf[address(this)] -= total;
    }
}
