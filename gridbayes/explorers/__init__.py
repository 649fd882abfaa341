"""Explorers: pictures that follow a control. No statistics are in here: public calls are made and drawn."""
