"""The controller: keeps the wanted topology and tells every agent what to hold."""
