"""Advice that a product answers, and reminders without money: each rule by itself, on the same facts."""
