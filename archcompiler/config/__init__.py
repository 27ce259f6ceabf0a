"""What specs and recipes share: how their values are located, merged, validated and written.

It knows no key of either. Of the package it imports only `diagnostics` and `syntax`.
"""
