// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title A token whose answers cannot be trusted, for local chains.
contract TestFalseToken {
    string public constant name = "False Token";
    string public constant symbol = "FALSE";
    uint8 public immutable decimals;

    /// @notice 0: answers false, and does not revert, where a balance is too small.
    /// 1: pays and answers false, as USDT on Tron does. 2: pays nothing and answers true.
    /// 3: pays nothing, answers true and emits the event of a payment of one unit less.
    uint8 public mode;
    uint256 public totalSupply;
    mapping(address => uint256) public balanceOf;

    event Transfer(address indexed from, address indexed to, uint256 value);

    constructor(uint8 decimals_) {
        decimals = decimals_;
    }

    function setMode(uint8 mode_) external {
        require(mode_ < 4, "TestFalseToken: unknown mode");
        mode = mode_;
    }

    /// @notice Anyone may mint: this token is worth nothing.
    function mint(address to, uint256 amount) external {
        totalSupply += amount;
        balanceOf[to] += amount;
        emit Transfer(address(0), to, amount);
    }

    function transfer(address to, uint256 value) external returns (bool) {
        if (mode == 3) emit Transfer(msg.sender, to, value - 1);
        if (mode >= 2) return true;
        if (balanceOf[msg.sender] < value) return false;
        balanceOf[msg.sender] -= value;
        balanceOf[to] += value;
        emit Transfer(msg.sender, to, value);
        return mode == 0;
    }
}
