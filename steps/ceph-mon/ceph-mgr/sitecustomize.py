"""Runs first in each of the manager's interpreters.

A module of the manager that names no NOTIFY_TYPES leaves an exception behind which nobody takes away. Python up to 3.11
let that pass; later ones fail the manager's next import, and Ceph reports each such module as crashed.
"""
import importlib.machinery
import os
import sys


class _OwnFolderFinder:
    """What lies beside this file comes before the system's, wherever a manager puts the folder in its path: 16.2 to the end."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if path is not None:
            return None
        return importlib.machinery.PathFinder.find_spec(name, [os.path.dirname(__file__)], target)


class _ManagerModuleFinder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "mgr_module":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        execute = spec.loader.exec_module

        def execute_and_complete(module):
            execute(module)
            module.MgrModule.NOTIFY_TYPES = []

        spec.loader.exec_module = execute_and_complete
        return spec


sys.meta_path[:0] = [_OwnFolderFinder, _ManagerModuleFinder]
