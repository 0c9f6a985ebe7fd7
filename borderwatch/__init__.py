"""borderwatch: the public record of how digital maps and platforms depict disputed territory."""

__version__ = "0.1.0"
